package api

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/gateway/broadcast"
)

// submitRecipients adds those that were pasted or are in a file. The file is read as it comes, so that it may be larger than
// the memory.
func (s *Server) submitRecipients(c *fiber.Ctx, who caller) error {
	ctx, cancel := uploadContext(c)
	defer cancel()
	body := incomingOf(c)
	defer func() { // what is left of the body must not be taken for the next request
		if left, _ := io.Copy(io.Discard, io.LimitReader(body, maxLeft+1)); left > maxLeft || body.err != nil {
			c.Context().SetConnectionClose()
		}
	}()
	p, err := s.ownPlan(c, who)
	if err != nil {
		return err
	}
	_, tally, err := s.addRecipients(ctx, p, false, func(l broadcast.Letter) (recipientList, error) {
		_, parameters, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
		if err != nil || parameters["boundary"] == "" {
			return nil, invalid("", codeInvalid, "choose a file or paste recipients")
		}
		return uploadedList(multipart.NewReader(body, parameters["boundary"]), l.Names())
	})
	if err == nil {
		return s.showBroadcast(c, who, http.StatusOK, &tally, nil)
	}
	if e := public(err); e != nil {
		return s.showBroadcast(c, who, e.Status, &tally, e)
	}
	return err
}

// uploadedList is the list in a form: what was pasted, or else the file.
func uploadedList(form *multipart.Reader, names []string) (recipientList, error) {
	for {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, invalid("", codeInvalid, "choose a file or paste recipients")
		case err != nil:
			return nil, badList(err)
		}
		if part.FormName() == "rows" {
			pasted, err := io.ReadAll(io.LimitReader(part, maxPasted+1))
			switch {
			case err != nil:
				return nil, badList(err)
			case len(pasted) > maxPasted:
				return nil, invalid("rows", codeTooLong, "more than %d MiB were pasted: choose a file instead", maxPasted>>20)
			case strings.TrimSpace(string(pasted)) != "":
				return newCSVRecipients(strings.NewReader(withColumns(string(pasted), names)))
			}
		}
		if part.FormName() != "file" {
			continue
		}
		in := bufio.NewReader(part)
		if _, err := in.Peek(1); err != nil { // none was chosen
			continue
		}
		return newCSVRecipients(in)
	}
}

// withColumns is a pasted table with a first row: its own if that names to, or else to and the variables in their order.
func withColumns(pasted string, names []string) string {
	pasted = strings.TrimLeft(pasted, "\ufeff \r\n")
	first, _, _ := strings.Cut(pasted, "\n")
	comma := ","
	for _, other := range []string{";", "\t"} {
		if !strings.Contains(first, ",") && strings.Contains(first, other) {
			comma = other
		}
	}
	columns := strings.Split(strings.TrimSpace(first), comma)
	for i := range columns {
		columns[i] = strings.Trim(strings.TrimSpace(columns[i]), `"`)
	}
	if slices.Contains(columns, "to") {
		return pasted
	}
	return strings.Join(append([]string{"to"}, names...), comma) + "\n" + pasted
}
