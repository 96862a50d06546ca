package line

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"

	"wabagate/models"
	"wabagate/waba/graph"
)

// onpremPath begins the address of a number's own callbacks.
const onpremPath = "/webhooks/onprem/"

// What answers of a provider mean, where the catalogue cannot know it.
const (
	adviceKey     = "Give the number's present API key: making a new one ends the one before."
	adviceWebhook = "Check that WABAGATE_PUBLIC_URL is an https address of the internet, without a port and without an underscore in its name."
)

// examineKey sees that a provider takes the key, by reading where it posts callbacks to.
func (l *Lines) examineKey(ctx context.Context, a graph.Account) error {
	_, err := l.o.Client.Webhook(ctx, a)
	if err == nil {
		return nil
	}
	t := failed(StepToken, "token", "The key could not be checked", err, nil)
	if refusesToken(err) {
		t.Message, t.Advice = fmt.Sprintf("The provider did not accept the key: %s.", said(t.Answer)), adviceKey
	}
	return t
}

// identify asks 360dialog which number a key opens; empty when it does not say, as other providers never do.
func (l *Lines) identify(ctx context.Context, a graph.Account) (phoneNumberID, wabaID string) {
	if a.Style != graph.Dialog360 {
		return "", ""
	}
	h, err := l.o.Client.HealthStatus(ctx, a)
	if err != nil {
		return "", "" // an older account; the request has to say it
	}
	of := func(kind string) string {
		i := slices.IndexFunc(h.Entities, func(e graph.HealthEntity) bool { return e.Type == kind })
		if i < 0 {
			return ""
		}
		return h.Entities[i].ID
	}
	return of("PHONE_NUMBER"), of("WABA")
}

// direct has a provider post a number's callbacks to an address, and reads back whether it does. The last part of the address
// is a secret.
func (l *Lines) direct(ctx context.Context, a graph.Account, address string, token models.Secret) error {
	if err := l.o.Client.ConfigureWebhook(ctx, a, address, nil); err != nil {
		t := failed(StepWebhook, "", "The provider does not take the address for the number's callbacks", err, nil, token.Text())
		if t.Answer != nil && t.Answer.Status/100 == 4 {
			t.Advice = adviceWebhook
		}
		return t
	}
	set, err := l.o.Client.Webhook(ctx, a)
	if err != nil {
		return failed(StepWebhook, "", "The address for the number's callbacks was given to the provider, and could not be read back", err, nil, token.Text())
	}
	if set != address {
		return &Trouble{Step: StepWebhook, Message: "The provider took the address for the number's callbacks, and keeps another one: " + site(set) + ".",
			Advice: "Try again, or set the address in the provider's own console."}
	}
	return nil
}

func (l *Lines) connectProvider(ctx context.Context, businessID int64, r Request) (Connected, error) {
	base := r.Base
	if r.Style == Style360dialog {
		base = cmp.Or(base, l.o.Dialog360Base)
	}
	u := models.Upstream{Style: r.Style, Base: base, Token: r.Token, Rate: r.Rate}
	a := Account(u, models.Number{})
	if err := l.examineKey(ctx, a); err != nil {
		return Connected{}, err
	}
	found, said := l.identify(ctx, a)
	switch {
	case r.PhoneNumberID == "" && found == "":
		return Connected{}, missing("phone_number_id", "Give the platform's id of the number or, where the provider has none, its digits.")
	case r.PhoneNumberID == "":
		r.PhoneNumberID = found
	case found != "" && found != r.PhoneNumberID:
		return Connected{}, &Trouble{Step: StepNumber, Field: "phone_number_id", Message: fmt.Sprintf("The key is of the number with the id %s, not %s.", found, r.PhoneNumberID),
			Advice: "Give the id of the number that the key is of, or leave it out."}
	}
	believed := base == l.o.Dialog360Base && found == r.PhoneNumberID
	n, err := l.claim(businessID, r, believed)
	if err != nil {
		return Connected{}, err
	}
	wabaID, err := account(n, r, said, believed)
	if err != nil {
		return Connected{}, err
	}
	token := n.OnpremToken
	if token == "" {
		token = models.RandomToken()
	}
	if err := l.direct(ctx, a, r.PublicURL+onpremPath+token.Text(), token); err != nil {
		return Connected{}, err
	}
	if n.ID != 0 && n.OnpremToken == "" {
		if err := l.o.Store.SetNumberToken(ctx, businessID, n.ID, token); err != nil {
			return Connected{}, err
		}
	}
	n.OnpremToken = token
	n.BusinessID, n.PhoneNumberID, n.WABAID = businessID, r.PhoneNumberID, wabaID
	n.Display, n.Name = cmp.Or(r.Display, n.Display), cmp.Or(r.Name, n.Name)
	return l.keep(ctx, n, u)
}

// replaceProvider examines a number's new key. At some providers a new key takes the webhook away, so it is set again.
func (l *Lines) replaceProvider(ctx context.Context, n models.Number, u models.Upstream) (models.Upstream, error) {
	a := Account(u, n)
	if err := l.examineKey(ctx, a); err != nil {
		return u, err
	}
	if found, _ := l.identify(ctx, a); found != "" && found != n.PhoneNumberID {
		return u, &Trouble{Step: StepNumber, Field: "token", Message: fmt.Sprintf("The key is of another number: the one with the id %s.", found), Advice: adviceKey}
	}
	switch {
	case n.OnpremToken == "":
		return u, &Trouble{Step: StepWebhook, Message: "The number has no address for its provider any more.", Advice: "Connect the number again, with the new key."}
	case l.o.PublicURL == "":
		return u, missing("public_url", "Set WABAGATE_PUBLIC_URL to the address under which the gateway is reached from outside.")
	}
	return u, l.direct(ctx, a, l.o.PublicURL+onpremPath+n.OnpremToken.Text(), n.OnpremToken)
}

// site is as much of an address as may be shown: not its path, which can be a secret.
func site(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "none"
	}
	return u.Scheme + "://" + u.Host + "/…"
}
