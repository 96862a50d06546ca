package waba

import "strings"

// CanonicalNumber gives the known spellings of one person's number one form, so that they can be compared: some users of
// Brazil report without the ninth digit that their mobile number has, Mexico and Argentina add a digit after the country
// code for mobiles, and no longer or not always. A number of any other kind comes back as it is, in digits.
//
// The canonical form is for comparing only. It need not be a number that the platform accepts or reports: keep, show and
// send to the one that came.
func CanonicalNumber(digits string) string {
	digits = onlyDigits(digits)
	switch {
	case len(digits) == 12 && strings.HasPrefix(digits, "55") && digits[4] >= '6': // landlines begin with 2 to 5
		return digits[:4] + "9" + digits[4:]
	case len(digits) == 13 && strings.HasPrefix(digits, "521"):
		return "52" + digits[3:]
	case len(digits) == 13 && strings.HasPrefix(digits, "549"):
		return "54" + digits[3:]
	}
	return digits
}

func onlyDigits(s string) string {
	if s == "" || isDigits(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
