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
}

// makeUp makes the i-th customer. One in fifty withholds the number, one in five has a username.
func (s *Simulator) makeUp(i int) customer {
	digits := strconv.Itoa(firstNumber + i)
	name := pick(s.rng, s.script.names)
	username := ""
	if i%5 == 4 {
		username = "customer." + strconv.Itoa(i)
	}
	c := newCustomer(digits, name, username)
	if i%50 == 49 {
		c.contact.WaID, c.onSent.WaID = "", ""
		c.encode()
	}
	return c
}

func newCustomer(number, name, username string) customer {
	c := customer{digits: strings.TrimPrefix(number, "+")}
	c.contact = waba.Contact{WaID: c.digits, UserID: userID(c.digits), Name: name, Username: username}
	c.onSent = c.contact
	c.onSent.Username = ""
	c.encode()
	return c
}

func (c *customer) encode() {
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
	return append(appendText(dst, `,"user_id":`, contact.UserID), '}')
}

// userID derives the business-scoped user id from a number: a country, a dot, letters and digits.
func userID(digits string) string {
	hash := fnv.New64a()
	hash.Write([]byte(digits))
	return "GB." + strings.ToUpper(strconv.FormatUint(hash.Sum64(), 36))
}
