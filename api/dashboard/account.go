package dashboard

// Account is one's own.
type Account struct {
	Shell
	Who  Teammate
	Role RoleText
	// Name and Password are the fields of the two forms; an error of NameError or PasswordError is one of no field.
	Name, Password           []Field
	NameError, PasswordError string
	Sessions                 []Session
	// Others says that there are more sessions than this one.
	Others bool
	Pager  Pager
}

// Session is a login that lasts.
type Session struct {
	ID string
	// Device is the browser and machine in words; Agent what the browser says of itself.
	Device, Agent string
	IP            string // empty: not known
	Current       bool
	Began, Ends   When
}

func (Account) template() string { return "account.html" }
