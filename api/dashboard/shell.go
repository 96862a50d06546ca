package dashboard

import "html/template"

// Shell is what every page has around it.
type Shell struct {
	Title string
	// Section is the name of the part of the navigation that the page belongs to; empty for none.
	Section string
	// User is who is logged in and Business whose pages these are; without a user there is no navigation.
	User, Business string
	// Operations is what the user may do to the gateway as a whole: "operator", "viewer" or, empty, nothing. Console says that the
	// page is of the console for operations and of no business.
	Operations string
	Console    bool
	// CanChange says that the user's role lets them change things, IsOwner that they are an owner of the business. Pages leave
	// out what would be refused.
	CanChange, IsOwner bool
	Look               Look
	// Here is the path and query of the page, to come back to.
	Here string
	// Notice says what has just been done.
	Notice string
}

// Look is how somebody likes pages.
type Look struct {
	// Theme is "light" or "dark"; empty follows the system.
	Theme string
	// Direction is "rtl" or "ltr"; empty is ltr.
	Direction string
}

// Section is a part of the navigation.
type Section struct {
	Name, Path, Title string
	// Apart sections stand below a line.
	Apart bool
	// Operators says that nobody sees it but who operates the gateway, or looks at it.
	Operators bool
}

// Sections are the navigation, in its order.
func Sections() []Section {
	return []Section{
		{Name: "home", Path: "/", Title: "Home"},
		{Name: "live", Path: "/live", Title: "Live"},
		{Name: "messages", Path: "/messages", Title: "Messages"},
		{Name: "webhooks", Path: "/webhooks", Title: "Webhooks"},
		{Name: "conversations", Path: "/conversations", Title: "Conversations", Apart: true},
		{Name: "contacts", Path: "/contacts", Title: "Contacts"},
		{Name: "orders", Path: "/orders", Title: "Orders"},
		{Name: "forms", Path: "/forms", Title: "Forms"},
		{Name: "broadcasts", Path: "/broadcasts", Title: "Broadcasts"},
		{Name: "numbers", Path: "/numbers", Title: "Numbers", Apart: true},
		{Name: "usage", Path: "/usage", Title: "Usage"},
		{Name: "team", Path: "/team", Title: "Team"},
		{Name: "operations", Path: "/operations", Title: "Operations", Operators: true},
	}
}

// icons are the paths of the navigation's signs, drawn in a square of 24.
var icons = map[string]string{
	"home":          `<path d="M3 11 12 4l9 7M5 10v10h5v-6h4v6h5V10"/>`,
	"live":          `<path d="M3 12h4l3-8 4 16 3-8h4"/>`,
	"messages":      `<path d="M4 6h16M4 12h16M4 18h10"/>`,
	"webhooks":      `<path d="M9 7a4 4 0 1 1 6.5 3L18 16M9.5 9.500 7 15M7 15a4 4 0 1 0 3.500 6M10.500 18H18"/><path d="M18 14a4 4 0 1 1-3 6.700"/>`,
	"conversations": `<path d="M4 5h16v11H10l-5 4v-4H4z"/>`,
	"contacts":      `<circle cx="12" cy="8" r="4"/><path d="M4 21c.8-4 4-6 8-6s7.200 2 8 6"/>`,
	"orders":        `<path d="M4 5h2l2.500 11h9L20 8H7"/><circle cx="10" cy="20" r="1"/><circle cx="17" cy="20" r="1"/>`,
	"forms":         `<path d="M6 3h12v18H6zM9 8h6M9 12h6M9 16h3"/>`,
	"broadcasts":    `<path d="M4 10v4l11 5V5L4 10zM15 9a3 3 0 0 1 0 6M7 15v5h3v-4"/>`,
	"numbers":       `<path d="M7 3h10v18H7zM11 18h2"/>`,
	"usage":         `<path d="M4 20V10M10 20V4M16 20v-7M21 20H3"/>`,
	"team":          `<circle cx="9" cy="9" r="3.500"/><path d="M2.500 20c.6-3.400 3.200-5 6.500-5s5.900 1.600 6.500 5M16 5.800a3.500 3.500 0 0 1 0 6.400M18 15.300c1.900.7 3.100 2.200 3.500 4.700"/>`,
	"operations":    `<path d="M4 5h16v4H4zM4 12h16v4H4zM4 19h10"/>`,

	"operations-queues":     `<path d="M4 5h16v4H4zM4 12h16v4H4zM4 19h10"/>`,
	"operations-tasks":      `<path d="M4 6h2M4 12h2M4 18h2M10 6h10M10 12h10M10 18h10"/>`,
	"operations-webhooks":   `<path d="M12 4 3 19h18zM12 10v4M12 16.500v.5"/>`,
	"operations-gateway":    `<path d="M3 12h4l3-8 4 16 3-8h4"/>`,
	"operations-businesses": `<path d="M4 21V4h10v17M14 9h6v12M8 8h2M8 12h2M8 16h2M2 21h20"/>`,
	"operations-apps":       `<path d="M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z"/>`,
	"operations-audit":      `<path d="M6 3h12v18H6zM9 8h6M9 12h6M9 16h3"/>`,
	"operations-monitor":    `<path d="M3 5h18v12H3zM8 21h8M12 17v4"/>`,
	"operations-leave":      `<path d="M10 5H4v14h6M9 12h11M16 8l4 4-4 4"/>`,

	"menu": `<path d="M4 7h16M4 12h16M4 17h16"/>`,
}

// icon is the inside of a sign; empty for a name that has none.
func icon(name string) template.HTML { return template.HTML(icons[name]) } //nolint:gosec // from the table above
