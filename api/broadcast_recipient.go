package api

import (
	"context"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/gateway/broadcast"
	"wabagate/models"
)

func (s *Server) registerRecipients(r fiber.Router) {
	r.Post("/broadcasts/:id<int>/recipients", s.client(s.handleRecipientsAdd))
	r.Get("/broadcasts/:id<int>/recipients", s.client(s.handleRecipientList))
}

// recipientsPath is the route of lists of recipients, and that of the page that takes them.
var recipientsPath = regexp.MustCompile(`^(/api/client)?/broadcasts/[0-9]+/recipients/?$`)

// uploadTimeout bounds how long a list of recipients may take.
const uploadTimeout = 15 * time.Minute

// listOf is the list in a request by its content type.
func listOf(c *fiber.Ctx) (recipientList, error) {
	kind, _, _ := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	switch kind {
	case "text/csv":
		return newCSVRecipients(incomingOf(c))
	case "application/x-ndjson":
		return newLinesRecipients(incomingOf(c)), nil
	case fiber.MIMEApplicationJSON:
		return newJSONRecipients(incomingOf(c)), nil
	}
	return nil, &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_media_type", Field: "Content-Type",
		Message: "must be text/csv, application/x-ndjson or application/json"}
}

// recipientsAdded says what became of a list of recipients.
type recipientsAdded struct {
	Message string `json:"message"`
	tallyJSON
	Recipients int64 `json:"recipients"` // of the broadcast by now
}

// handleRecipientsAdd reads a list of recipients and adds those that can be sent to, row by row, so that the list may be far
// larger than the memory. What was added before something went wrong stays: the same list again adds the rest.
func (s *Server) handleRecipientsAdd(c *fiber.Ctx, who caller) (err error) {
	defer func() {
		if err != nil { // of which there may be more that nobody reads
			c.Context().SetConnectionClose()
		}
	}()
	dry, err := dryRun(c)
	if err != nil {
		return err
	}
	p, err := s.ownPlan(c, who)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), uploadTimeout)
	defer cancel()
	said := "Recipients added."
	if dry {
		noteOf(ctx).nothing()
		said = "Nothing was added: this was a dry run."
	}
	p, tally, err := s.addRecipients(ctx, p, dry, func(broadcast.Letter) (recipientList, error) { return listOf(c) })
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, recipientsAdded{said, tally, p.Recipients})
}

// addRecipients adds those of a list to a draft, and answers the draft as it is then. The list is opened once it is known that
// it is wanted. A dry run only reads it.
func (s *Server) addRecipients(ctx context.Context, p models.BroadcastPlan, dry bool, open func(broadcast.Letter) (recipientList, error)) (models.BroadcastPlan, tallyJSON, error) {
	const not = "takes no recipients: only a draft does"
	if p.State != models.PlanDraft {
		return p, tallyJSON{}, planError(models.PlanStateError{State: p.State}, not)
	}
	letter, err := broadcast.ParseLetter(p.Body)
	if err != nil {
		return p, tallyJSON{}, badMessage(err)
	}
	list, err := open(letter)
	if err != nil {
		return p, tallyJSON{}, err
	}
	add := func(rs []models.Recipient) (int64, error) {
		return s.store.AddRecipients(ctx, p.BusinessID, p.BroadcastID, rs)
	}
	if dry {
		add = nil
	}
	tally, err := readRecipients(list, letter, add)
	if err != nil {
		return p, tally, planError(err, not)
	}
	p, err = s.store.BroadcastPlan(ctx, p.BusinessID, p.BroadcastID)
	return p, tally, err
}

// recipientJSON is a recipient with what became of them.
type recipientJSON struct {
	Place     int64                 `json:"place"`
	To        string                `json:"to,omitempty"`
	UserID    string                `json:"user_id,omitempty"`
	Variables map[string]string     `json:"variables"`
	State     models.RecipientState `json:"state"`
	SendID    *string               `json:"send_id"`    // null: no message was made
	MessageID *string               `json:"message_id"` // the wamid; null: it did not go out
	Error     *sendErrorJSON        `json:"error"`      // of a message that WhatsApp refused
}

func recipientView(r models.RecipientReport) recipientJSON {
	v := recipientJSON{Place: r.Place, To: r.To, UserID: r.UserID, Variables: r.Variables, State: r.State}
	if r.SendID != 0 {
		id := sendID(r.SendID)
		v.SendID = &id
		v.Error = sendView(models.Send{ErrorCode: r.ErrorCode, ErrorTitle: r.ErrorTitle}).Error
	}
	if r.Wamid != "" {
		v.MessageID = &r.Wamid
	}
	return v
}

// recipientPage is a page of the recipients of a broadcast.
type recipientPage struct {
	Recipients []recipientJSON `json:"recipients"`
	Next       string          `json:"next_cursor,omitempty"` // a page may be empty, and not the last
}

func (s *Server) handleRecipientList(c *fiber.Ctx, who caller) error {
	p, err := s.ownPlan(c, who)
	if err != nil {
		return err
	}
	after, limit, err := page(c.Query)
	if err != nil {
		return err
	}
	state := models.RecipientState(strings.Clone(c.Query("state")))
	if state != "" && !slices.Contains(models.RecipientStates(), state) {
		names := make([]string, 0, len(models.RecipientStates()))
		for _, known := range models.RecipientStates() {
			names = append(names, string(known))
		}
		return invalid("state", codeInvalid, "must be one of %s", strings.Join(names, ", "))
	}
	rs, next, err := s.store.RecipientReports(c.UserContext(), who.Business, p.BroadcastID, state, after, limit)
	if err != nil {
		return err
	}
	answer := recipientPage{Recipients: views(rs, recipientView)}
	if next != 0 {
		answer.Next = strconv.FormatInt(next, 10)
	}
	return reply(c, http.StatusOK, answer)
}
