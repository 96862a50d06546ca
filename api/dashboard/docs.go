package dashboard

// Docs lists what programs can ask of the gateway.
type Docs struct {
	Shell
	About  string
	Search string
	Topics []DocTopic // none: nothing was found
}

// DocTopic is a group of operations.
type DocTopic struct {
	Name, About string
	Operations  []DocLine
}

// DocLine is an operation in the list.
type DocLine struct{ ID, Method, Path, Summary string }

// DocOperation is one thing that programs can ask for.
type DocOperation struct {
	Shell
	Above                      []Crumb
	Method, Path, Summary, Who string
	Parameters                 []DocField
	Bodies                     []DocBody // by type; none: it takes no body
	// Answers are those that are no Refusals, whose members Refusal are; these have no fields of their own.
	Answers, Refusals []DocAnswer
	Refusal           []DocField
	// Command asks for it from a shell.
	Command string
}

// DocField is a parameter, or a member of a body.
type DocField struct {
	Name, Type, About string
	Required          bool
	Values            []string // the only ones; none: any
	Bounds            string   // of a number; empty: none
}

// DocBody is what a request carries.
type DocBody struct {
	Type   string
	Fields []DocField
	Sample string // empty: none
}

// DocAnswer is what comes with a status.
type DocAnswer struct {
	Status, About, Type string
	Fields              []DocField
	Sample              string // empty: none
}

func (Docs) template() string         { return "docs.html" }
func (DocOperation) template() string { return "docs_operation.html" }
