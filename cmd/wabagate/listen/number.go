package listen

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"wabagate/cmd/wabagate/remote"
)

// number is one of the business's numbers under every name that people know it by.
type number struct {
	ID            int64  `json:"id"`
	PhoneNumberID string `json:"phone_number_id"`
	Display       string `json:"display_phone_number"`
	Name          string `json:"name"`
}

// FindNumber is the id of the number that a text names: by its id, the platform's id, its digits or its name.
func FindNumber(ctx context.Context, c *remote.Client, text string) (int64, error) {
	var answer struct {
		Numbers []number `json:"numbers"`
	}
	if err := c.Call(ctx, http.MethodGet, "/api/client/numbers", nil, &answer); err != nil {
		return 0, err
	}
	for _, n := range answer.Numbers {
		if n.is(text) {
			return n.ID, nil
		}
	}
	if len(answer.Numbers) == 0 {
		return 0, fmt.Errorf("--number %q: the business has no number yet", text)
	}
	known := make([]string, len(answer.Numbers))
	for i, n := range answer.Numbers {
		known[i] = fmt.Sprintf("%d (%s)", n.ID, remote.Plain(n.Display))
	}
	return 0, fmt.Errorf("--number %q is none of the business's: there are %s", text, strings.Join(known, ", "))
}

func (n number) is(text string) bool {
	return text == strconv.FormatInt(n.ID, 10) || text == n.PhoneNumberID || n.Name != "" && strings.EqualFold(text, n.Name) || digits(text) != "" && digits(text) == digits(n.Display)
}

func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}
