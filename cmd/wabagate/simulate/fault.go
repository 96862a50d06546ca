package simulate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"wabagate/waba/wabatest"
)

// ParseFault reads a fault as it is written on the command line: KIND[@PLACE][=SHARE][,MEMBER=VALUE…], such as
// "refuse=0.05,code=130429" or "slow@model,delay=20s". Whether the kind makes sense is for [wabatest.Server.AddFaults] to say.
func ParseFault(s string) (wabatest.Fault, error) {
	head, rest, _ := strings.Cut(s, ",")
	kind, share, shared := strings.Cut(head, "=")
	kind, place, _ := strings.Cut(kind, "@")
	f := wabatest.Fault{Kind: kind, At: place}
	if kind == "" {
		return f, fmt.Errorf("--fault %q: expected KIND[@PLACE][=SHARE][,MEMBER=VALUE…], such as refuse=0.05,code=130429", s)
	}
	if shared {
		var err error
		if f.Share, err = strconv.ParseFloat(share, 64); err != nil || f.Share <= 0 || f.Share > 1 {
			return f, fmt.Errorf("--fault %q: the share %q is not above 0 and at most 1", s, share)
		}
	}
	if rest == "" {
		return f, nil
	}
	for member := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(member, "=")
		if err := setMember(&f, name, value); err != nil {
			return f, fmt.Errorf("--fault %q: %w", s, err)
		}
	}
	return f, nil
}

func setMember(f *wabatest.Fault, name, value string) (err error) {
	switch name {
	case "code":
		f.Code, err = strconv.Atoi(value)
	case "status":
		f.Status, err = strconv.Atoi(value)
	case "next":
		f.Next, err = strconv.Atoi(value)
	case "times":
		f.Times, err = strconv.Atoi(value)
	case "delay":
		f.Delay, err = time.ParseDuration(value)
	case "after":
		f.After = true
	case "recipient":
		f.Recipient = value
	case "number":
		f.PhoneNumberID = value
	case "only":
		f.Only = value
	case "text":
		f.Text = value
	default:
		return fmt.Errorf("%q is none of after, code, delay, next, number, only, recipient, status, text, times", name)
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", name, value, err)
	}
	return nil
}
