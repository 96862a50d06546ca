package dashboard

// Team lists who logs in, and who is invited to.
type Team struct {
	Shell
	Pages       []Tab
	Users       []Teammate
	Pager       Pager
	Invitations []Invitation
	// More is how many invitations there are that are not shown.
	More  int
	Roles []RoleText
	// Fields are those of a new invitation; none: the viewer may not invite. Error is what is wrong with none of them.
	Fields []Field
	Error  string
	// Fresh is the invitation that has just been made; nil for none.
	Fresh *FreshInvitation
}

// Teammate is a user of the business.
type Teammate struct {
	ID int64
	// Name is what the user is called; empty: nobody has said. Me says that it is the viewer.
	Name, Email, Role string
	Me, Operator      bool
	Joined, LastLogin When
}

// Called is the user's name, or the address of one who has none.
func (m Teammate) Called() string {
	if m.Name != "" {
		return m.Name
	}
	return m.Email
}

// Invitation waits for somebody.
type Invitation struct {
	ID              int64
	Email, Role, By string
	Ends            When
}

// FreshInvitation shows the link of an invitation, this once.
type FreshInvitation struct {
	Invitation
	URL string
}

// RoleText says what a role may do.
type RoleText struct{ Name, Text string }

// TeamUser shows one user.
type TeamUser struct {
	Shell
	Above []Crumb
	Who   Teammate
	// Roles are the roles to choose from, with what they may do.
	Roles []Choice
	Error string
	// Remove is how the user is removed.
	Remove Danger
}

// Joining asks somebody who was invited for a name and a password.
type Joining struct {
	Shell
	// Ended says why the invitation opens nothing, where it does not; the rest is empty then.
	Ended          string
	Inviter, Email string
	Role           RoleText
	Ends           When
	Action         string
	Fields         []Field
	Error          string
	Present        string // who is logged in in this browser, and will be no more; empty: nobody
	InvitedTo      string // the business
}

func (Team) template() string     { return "team.html" }
func (TeamUser) template() string { return "team_user.html" }
func (Joining) template() string  { return "joining.html" }
