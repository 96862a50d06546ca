package graph

import (
	"context"
	"encoding/json"
)

// Template is a message template of an account. A name has one for each language.
type Template struct {
	ID, Name, Language string
	Status             string          // APPROVED, PENDING, REJECTED, PAUSED, DISABLED and others
	Category           string          // MARKETING, UTILITY, AUTHENTICATION
	CorrectCategory    string          // what the platform would have it be; empty when it agrees
	Components         json.RawMessage // as it came; nil when absent
}

type template struct {
	ID         text            `json:"id"`
	Name       text            `json:"name"`
	Language   text            `json:"language"`
	Status     text            `json:"status"`
	Category   text            `json:"category"`
	Correct    text            `json:"correct_category"`
	Components json.RawMessage `json:"components"`
}

// Templates lists the templates of the account's WABA. Cloud only.
func (c *Client) Templates(ctx context.Context, a Account) ([]Template, error) {
	const op = "list the templates"
	if err := a.only(op, Cloud); err != nil {
		return nil, err
	}
	list, err := pages[template](ctx, c, a, op, "id,name,language,status,category,correct_category,components", a.WABAID, "message_templates")
	templates := make([]Template, len(list))
	for i, t := range list {
		templates[i] = Template{
			ID: string(t.ID), Name: string(t.Name), Language: string(t.Language), Status: string(t.Status),
			Category: string(t.Category), CorrectCategory: string(t.Correct), Components: t.Components,
		}
	}
	return templates, err
}
