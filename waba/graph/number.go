package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
)

// PhoneNumber is a business number as the platform describes it. What it does not say is empty.
type PhoneNumber struct {
	ID                 string // phone number id
	DisplayPhoneNumber string // formatted, such as "+1 555-010-0200"; callbacks have the digits only
	VerifiedName       string
	QualityRating      string // GREEN, YELLOW, RED, UNKNOWN
	Throughput         string // its level: STANDARD (80 messages/s), HIGH (1,000) or something newer
	Status             string // CONNECTED and others
	CodeVerification   string // VERIFIED and others
	PlatformType       string // CLOUD_API and others
}

// numberFields are asked for by name: without them the platform answers fewer.
const numberFields = "id,display_phone_number,verified_name,quality_rating,throughput,status,code_verification_status,platform_type"

type phoneNumber struct {
	ID               text `json:"id"`
	Display          text `json:"display_phone_number"`
	VerifiedName     text `json:"verified_name"`
	Quality          text `json:"quality_rating"`
	Status           text `json:"status"`
	CodeVerification text `json:"code_verification_status"`
	PlatformType     text `json:"platform_type"`
	Throughput       struct {
		Level text `json:"level"`
	} `json:"throughput"`
}

func (p *phoneNumber) complete() bool { return p.ID != "" }

func (p *phoneNumber) public() PhoneNumber {
	return PhoneNumber{
		ID: string(p.ID), DisplayPhoneNumber: string(p.Display), VerifiedName: string(p.VerifiedName),
		QualityRating: string(p.Quality), Throughput: string(p.Throughput.Level), Status: string(p.Status),
		CodeVerification: string(p.CodeVerification), PlatformType: string(p.PlatformType),
	}
}

// PhoneNumber describes the account's number. Cloud only.
func (c *Client) PhoneNumber(ctx context.Context, a Account) (PhoneNumber, error) {
	const op = "read the number"
	if err := a.only(op, Cloud); err != nil {
		return PhoneNumber{}, err
	}
	var answer phoneNumber
	err := c.get(ctx, a, op, url.Values{"fields": {numberFields}}, &answer, a.of()...)
	return answer.public(), err
}

// PhoneNumbers lists the numbers of the account's WABA. Cloud only.
func (c *Client) PhoneNumbers(ctx context.Context, a Account) ([]PhoneNumber, error) {
	const op = "list the numbers of the account"
	if err := a.only(op, Cloud); err != nil {
		return nil, err
	}
	list, err := pages[phoneNumber](ctx, c, a, op, numberFields, a.WABAID, "phone_numbers")
	numbers := make([]PhoneNumber, len(list))
	for i := range list {
		numbers[i] = list[i].public()
	}
	return numbers, err
}

// Health says whether a number can send, and what stands in its way.
type Health struct {
	CanSend  string // AVAILABLE, LIMITED, BLOCKED or something newer; empty when the upstream says it in another form
	Entities []HealthEntity
	Raw      json.RawMessage // the answer as it came, at most 1 MiB
}

// HealthEntity is one of those that a message depends on: number, account, business, app.
type HealthEntity struct {
	Type    string // PHONE_NUMBER, WABA, BUSINESS, APP, MESSAGE_TEMPLATE
	ID      string
	CanSend string
	Errors  []HealthError
}

// HealthError is one reason why an entity cannot send.
type HealthError struct {
	Code        int // 0 when there is none
	Description string
	Solution    string // what the platform advises; empty when it does not
}

type health struct {
	Status healthStatus `json:"health_status"`
	raw    json.RawMessage
}

type healthStatus struct {
	CanSend  text `json:"can_send_message"`
	Entities []struct {
		Type    text `json:"entity_type"`
		ID      text `json:"id"`
		CanSend text `json:"can_send_message"`
		Errors  []struct {
			Code        number `json:"error_code"`
			Description text   `json:"error_description"`
			Solution    text   `json:"possible_solution"`
		} `json:"errors"`
	} `json:"entities"`
}

func (h *health) UnmarshalJSON(raw []byte) error {
	type plain health
	h.raw = bytes.Clone(raw)
	return json.Unmarshal(raw, (*plain)(h))
}

func (h *health) complete() bool { return isObject(h.raw) && !denied(h.raw) }

// HealthStatus asks what the platform itself says about the number's ability to send. Not for the On-Premises style.
func (c *Client) HealthStatus(ctx context.Context, a Account) (Health, error) {
	const op = "read the health of the number"
	if err := a.only(op, Cloud, Dialog360); err != nil {
		return Health{}, err
	}
	path, query := a.of(), url.Values{"fields": {"health_status"}}
	if a.style() == Dialog360 {
		path, query = a.of("health_status"), nil
	}
	var answer health
	if err := c.get(ctx, a, op, query, &answer, path...); err != nil {
		return Health{}, err
	}
	return answer.public(), nil
}

func (h *health) public() Health {
	public := Health{CanSend: string(h.Status.CanSend), Raw: h.raw}
	for _, entity := range h.Status.Entities {
		e := HealthEntity{Type: string(entity.Type), ID: string(entity.ID), CanSend: string(entity.CanSend)}
		for _, reason := range entity.Errors {
			e.Errors = append(e.Errors, HealthError{int(reason.Code), string(reason.Description), string(reason.Solution)})
		}
		public.Entities = append(public.Entities, e)
	}
	return public
}
