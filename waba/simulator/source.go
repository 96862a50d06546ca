package simulator

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"time"
)

// source is where the value of a gap comes from.
type source int

const (
	recalled        source = iota // what was sent before, see role
	now                           // Unix seconds
	wamid                         // of a new inbound message
	newOut                        // wamid of a new outbound message
	newCall                       // id of a new call
	abgg                          // like wamid, in the On-Premises style
	gbgg                          // like newOut, in the On-Premises style
	serialID                      // a new number of 16 digits
	hash                          // base64 of 32 bytes
	phrase                        // what people say
	shownNumber                   // of the customer, empty when withheld
	shownUserID                   // business-scoped user id of the customer, empty before there were any
	shownUsername                 // empty for most
	digits                        // the customer's number, whether or not it is shown
	profileName                   // of the customer
	parentUserID                  // of the customer, for linked portfolios
	newNumber                     // which the customer has from now on
	newUserID                     // which the customer has from now on
	newParentUserID               // which the customer has from now on
	group                         // one of a few groups
	phoneNumberID                 // of the business number
	displayNumber                 // of the business, digits
	wabaID                        // the account
	portfolioID                   // the business portfolio that owns the account
)

// sources are the names of sources in fixtures. Those of roles recall.
var sources = map[string]source{
	"now": now, "wamid": wamid, "new_out": newOut, "new_call": newCall, "abgg": abgg, "gbgg": gbgg, "id": serialID, "hash": hash,
	"phrase": phrase, "customer": shownNumber, "user_id": shownUserID, "username": shownUsername, "digits": digits, "name": profileName,
	"parent_id": parentUserID, "new_number": newNumber, "new_user_id": newUserID, "new_parent_id": newParentUserID, "group": group,
	"pnid": phoneNumberID, "display": displayNumber, "waba": wabaID, "portfolio": portfolioID,
}

// optional values may be missing, and their members with them.
func (s source) optional() bool { return s == shownNumber || s == shownUserID || s == shownUsername }

// identifies says whether no two facts have the same value.
func (g gap) identifies() bool {
	switch g.source {
	case wamid, newOut, newCall, abgg, gbgg, serialID:
		return true
	case recalled:
		return g.take
	}
	return false
}

// cast is whom and when one fact is about.
type cast struct {
	at        time.Time
	people    [4]*customer
	shown     bool      // the customers must show their number
	newNumber [4]string // as far as they have one
}

// person returns the n-th customer of a cast, chosen at the first mention.
func (s *Simulator) person(c *cast, n int) *customer {
	for tries := 0; c.people[n] == nil; tries++ {
		who := s.someone()
		if !c.shown || who.contact.WaID != "" || tries == 20 {
			c.people[n] = who
		}
	}
	return c.people[n]
}

// value makes what goes into a gap that recalls nothing.
func (s *Simulator) value(c *cast, g gap) string {
	switch g.source {
	case now:
		return strconv.FormatInt(c.at.Unix()+g.shift, 10)
	case wamid:
		return s.wamid(s.person(c, g.n).digits, false)
	case newOut:
		return s.wamid(s.person(c, g.n).digits, true)
	case newCall:
		return s.token("wacid.")
	case abgg:
		return s.token("ABGG")
	case gbgg:
		return s.token("gBGG")
	case serialID:
		return s.number()
	case hash:
		return s.digest()
	case phrase:
		return pick(s.rng, s.script.phrases)
	case group:
		return s.groups[s.rng.IntN(len(s.groups))]
	case phoneNumberID:
		return s.options.PhoneNumberID
	case displayNumber:
		return s.options.DisplayPhoneNumber
	case wabaID:
		return s.options.WABAID
	case portfolioID:
		return s.options.PortfolioID
	}
	return s.trait(c, g)
}

// trait is a value that belongs to a customer.
func (s *Simulator) trait(c *cast, g gap) string {
	who := s.person(c, g.n)
	switch g.source {
	case shownNumber:
		return who.contact.WaID
	case shownUserID:
		return who.contact.UserID
	case shownUsername:
		return who.contact.Username
	case digits:
		return who.digits
	case profileName:
		return who.contact.Name
	case parentUserID:
		return parentID(who.userID)
	case newNumber:
		if c.newNumber[g.n] == "" {
			s.moved++
			c.newNumber[g.n] = strconv.Itoa(firstNumber + s.options.Contacts + s.moved)
		}
		return c.newNumber[g.n]
	case newUserID:
		return who.nextUserID(c.newNumber[g.n])
	case newParentUserID:
		return parentID(who.nextUserID(c.newNumber[g.n]))
	}
	return ""
}

// stride is odd, so that its multiples, which look like chance, are all different.
const stride = 0x9e3779b97f4a7c15

// token makes an id of letters and digits like those of calls and of the On-Premises style.
func (s *Simulator) token(begin string) string {
	s.serial++
	var serial [8]byte
	binary.BigEndian.PutUint64(serial[:], s.serial*stride)
	return begin + s.options.Prefix + base64.RawURLEncoding.EncodeToString(serial[:])
}

// number makes a number of 16 digits that is this run's own: the serial, scattered by the prefix.
func (s *Simulator) number() string {
	s.serial++
	return strconv.FormatUint(1_000_000_000_000_000+(s.scatter+s.serial*stride)%8_000_000_000_000_000, 10)
}

// digest makes the base64 of a hash of 32 bytes.
func (s *Simulator) digest() string {
	var sum [32]byte
	for i := 0; i < len(sum); i += 8 {
		binary.LittleEndian.PutUint64(sum[i:], s.rng.Uint64())
	}
	return base64.StdEncoding.EncodeToString(sum[:])
}
