package simulator

import (
	"hash/fnv"
	"strconv"
	"strings"

	"wabagate/waba"
)

// firstNumber opens a range that the British regulator keeps for fiction.
const firstNumber = 447_700_900_000

// customer is a person who writes to the business, and whom the business writes to.
type customer struct {
	contact waba.Contact // as beside messages
	onSent  waba.Contact // as beside a sent status: the platform leaves the username out there
	digits  string       // the number, also when the contact withholds it
	userID  string       // the user id, also when the contact does not have it yet

	name, username string
	withholds      bool // the number
	renamed        int  // how often the user id changed without the number

	switching bool // from the number to the user id, see Mix.Switching
	seen      int  // facts so far, counted for those who switch
}

// A customer who switches is known by number only at first, then by both, in the end by user id only.
const (
	untilBoth   = 3 // facts by number only
	untilUserID = 6 // facts until the number is withheld
)

// makeUp makes the i-th customer. One in fifty withholds the number, one in five has a username.
func (s *Simulator) makeUp(i int) customer {
	digits := strconv.Itoa(firstNumber + i)
	name := pick(s.rng, s.script.names)
	username := ""
	if i%5 == 4 {
		username = "customer." + strconv.Itoa(i)
	}
	c := newCustomer(digits, name, username)
	c.withholds = i%50 == 49
	c.switching = s.options.Mix.Switching > 0 && s.rng.Float64() < s.options.Mix.Switching
	c.encode()
	return c
}

func newCustomer(number, name, username string) customer {
	c := customer{digits: strings.TrimPrefix(number, "+"), name: name, username: username}
	c.userID = UserID(c.digits)
	c.encode()
	return c
}

// someone chooses a customer for the next fact.
func (s *Simulator) someone() *customer {
	c := &s.customers[s.rng.IntN(len(s.customers))]
	if c.switching {
		if c.seen++; c.seen == 1 || c.seen == untilBoth+1 || c.seen == untilUserID+1 {
			c.encode()
		}
	}
	return c
}

// become gives the customer another user id and, unless digits is blank, another number.
func (c *customer) become(digits string) {
	c.userID = c.nextUserID(digits)
	if digits == "" {
		c.renamed++
	} else {
		c.digits = digits
	}
	c.encode()
}

// nextUserID is the user id that the customer has after a change: the number's, or another of the same number.
func (c *customer) nextUserID(digits string) string {
	if digits != "" {
		return UserID(digits)
	}
	return UserID(c.digits + "." + strconv.Itoa(c.renamed+1))
}

func (c *customer) encode() {
	c.contact = waba.Contact{WaID: c.digits, UserID: c.userID, Name: c.name, Username: c.username}
	switch {
	case c.withholds || c.switching && c.seen > untilUserID:
		c.contact.WaID = ""
	case c.switching && c.seen <= untilBoth:
		c.contact.UserID = ""
	}
	c.onSent = c.contact
	c.onSent.Username = ""
	c.contact.Raw = appendContact(nil, c.contact)
	c.onSent.Raw = appendContact(nil, c.onSent)
}

func appendContact(dst []byte, contact waba.Contact) []byte {
	dst = appendText(dst, `{"profile":{"name":`, contact.Name)
	if contact.Username != "" {
		dst = appendText(dst, `,"username":`, contact.Username)
	}
	dst = append(dst, '}')
	if contact.WaID != "" {
		dst = appendText(dst, `,"wa_id":`, contact.WaID)
	}
	if contact.UserID != "" {
		dst = appendText(dst, `,"user_id":`, contact.UserID)
	}
	return append(dst, '}')
}

// UserID derives the business-scoped user id from a number: a country, a dot, letters and digits.
func UserID(digits string) string {
	hash := fnv.New64a()
	hash.Write([]byte(digits))
	return "GB." + strings.ToUpper(strconv.FormatUint(hash.Sum64(), 36))
}

// parentID is the user id that linked portfolios share.
func parentID(userID string) string { return strings.Replace(userID, ".", ".ENT.", 1) }
