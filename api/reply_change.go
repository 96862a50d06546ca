package api

import (
	"slices"
	"strings"
	"time"

	"wabagate/fanout/signature"
	"wabagate/models"
)

// The limits of what a number is told about answering by itself; texts in characters.
const (
	maxReplyText    = 4096 // of the platform's text messages
	maxPrompt       = 16_000
	maxModel        = 200
	maxReplyHistory = 100
	maxReplyTokens  = 100_000
	maxReplyTimeout = 60 // seconds
	maxHourlyLimit  = 1000
	maxDailyLimit   = 1_000_000
	maxKeywords     = 50
	maxKeyword      = 60
)

// repliesChange is what a request says about how a number answers by itself. What is not given stays as it is.
type repliesChange struct {
	active                                               maybe[flag]
	kind, url, model, key, secret, prompt, fallback      maybe[string]
	history, maxTokens, timeout, hourlyLimit, dailyLimit maybe[int]
	keywords                                             maybe[[]string]
}

func parseReplies(body []byte) (repliesChange, error) {
	o := parseObject(body, "active", "kind", "url", "model", "key", "secret", "prompt", "history", "max_tokens", "timeout", "hourly_limit", "daily_limit", "keywords", "fallback")
	ch := repliesChange{active: member[flag](o, "active", "true or false"), kind: member[string](o, "kind", "model or responder"), url: member[string](o, "url", "an address"),
		model: member[string](o, "model", "text"), key: member[string](o, "key", "text, or null for none"), secret: member[string](o, "secret", "text, or null for none"),
		prompt: member[string](o, "prompt", "text"), history: member[int](o, "history", "a number of messages"), maxTokens: member[int](o, "max_tokens", "a number of tokens"),
		timeout: member[int](o, "timeout", "a number of seconds"), hourlyLimit: member[int](o, "hourly_limit", "a number of answers"),
		dailyLimit: member[int](o, "daily_limit", "a number of answers"), keywords: member[[]string](o, "keywords", "a list of texts"), fallback: member[string](o, "fallback", "text")}
	if o.err != nil {
		return ch, o.err
	}
	for _, text := range []*maybe[string]{&ch.url, &ch.model, &ch.key, &ch.prompt, &ch.fallback} {
		text.value = strings.TrimSpace(text.value)
	}
	ch.url.value = strings.TrimSuffix(ch.url.value, "/chat/completions") // of a model's address the base is what is wanted
	return ch, ch.check()
}

func (ch *repliesChange) check() error {
	if ch.kind.given && ch.kind.value != models.RepliesByModel && ch.kind.value != models.RepliesByResponder {
		return invalid("kind", codeInvalid, "must be %s (an OpenAI-compatible endpoint) or %s (a server of yours)", models.RepliesByModel, models.RepliesByResponder)
	}
	for _, n := range []struct {
		field       string
		v           maybe[int]
		least, most int
	}{{"history", ch.history, 1, maxReplyHistory}, {"max_tokens", ch.maxTokens, 0, maxReplyTokens}, {"timeout", ch.timeout, 1, maxReplyTimeout},
		{"hourly_limit", ch.hourlyLimit, 1, maxHourlyLimit}, {"daily_limit", ch.dailyLimit, 1, maxDailyLimit}} {
		if n.v.given && (n.v.null || n.v.value < n.least || n.v.value > n.most) {
			return invalid(n.field, codeInvalid, "must be a whole number from %d to %d", n.least, n.most)
		}
	}
	for _, text := range []struct {
		field string
		v     maybe[string]
		most  int
	}{{"model", ch.model, maxModel}, {"prompt", ch.prompt, maxPrompt}, {"fallback", ch.fallback, maxReplyText}} {
		if err := checkText(text.field, text.v.value, false, text.most); err != nil {
			return err
		}
	}
	if err := checkToken("key", models.Secret(ch.key.value)); err != nil {
		return err
	}
	if ch.secret.given && !ch.secret.null {
		if err := checkSecret(ch.secret.value); err != nil {
			return err
		}
	}
	var err error
	ch.keywords.value, err = cleanKeywords(ch.keywords.value)
	return err
}

// cleanKeywords trims keywords and leaves each in once.
func cleanKeywords(given []string) ([]string, error) {
	var keywords []string
	for _, k := range given {
		k = strings.TrimSpace(k)
		switch err := checkText("keywords", k, false, maxKeyword); {
		case k == "":
			return nil, invalid("keywords", codeInvalid, "must not hold an empty text")
		case err != nil:
			return nil, err
		case !slices.Contains(keywords, k):
			keywords = append(keywords, k)
		}
	}
	if len(keywords) > maxKeywords {
		return nil, invalid("keywords", codeTooLong, "must be at most %d", maxKeywords)
	}
	return keywords, nil
}

// apply changes settings, and refuses what would not work. The secret is one that was made, because a responder had none
// and nobody gave one.
func (ch *repliesChange) apply(r *models.Replies) (made models.Secret, err error) {
	was := r.Kind
	if ch.kind.given {
		r.Kind = ch.kind.value
	}
	if r.Kind != was {
		r.Key = "" // it was for something else
	}
	for _, set := range []struct {
		field *string
		v     maybe[string]
	}{{&r.URL, ch.url}, {&r.Model, ch.model}, {&r.Prompt, ch.prompt}, {&r.Fallback, ch.fallback}} {
		if set.v.given {
			*set.field = set.v.value
		}
	}
	for _, set := range []struct {
		field *int
		v     maybe[int]
	}{{&r.History, ch.history}, {&r.MaxTokens, ch.maxTokens}, {&r.PerHour, ch.hourlyLimit}, {&r.PerDay, ch.dailyLimit}} {
		if set.v.given {
			*set.field = set.v.value
		}
	}
	if ch.timeout.given {
		r.Timeout = time.Duration(ch.timeout.value) * time.Second
	}
	if ch.keywords.given {
		r.Keywords = ch.keywords.value
	}
	if ch.active.given {
		r.Active = bool(ch.active.value)
	}
	switch {
	case r.URL == "":
		return "", invalid("url", codeRequired, "is required: the base address of an OpenAI-compatible API, such as https://api.openai.com/v1, or the address of your responder")
	case r.Kind == models.RepliesByModel:
		return "", ch.applyModel(r)
	}
	return ch.applyResponder(r, r.Kind != was)
}

func (ch *repliesChange) applyModel(r *models.Replies) error {
	switch {
	case ch.secret.given:
		return invalid("secret", codeInvalid, "is of a responder; a model has a key")
	case r.Model == "":
		return invalid("model", codeRequired, "is required: the name that the endpoint knows the model by")
	case ch.key.given:
		r.Key = models.Secret(ch.key.value)
	}
	return nil
}

// applyResponder makes a secret for a responder that is new, unless the request has one.
func (ch *repliesChange) applyResponder(r *models.Replies, fresh bool) (made models.Secret, err error) {
	switch {
	case ch.key.given:
		return "", invalid("key", codeInvalid, "is of a model; a responder has a secret")
	case ch.secret.given:
		r.Key = models.Secret(ch.secret.value) // null: unsigned
	case fresh:
		made = models.Secret(signature.NewRandomSecret().Text())
		r.Key = made
	}
	r.Model = ""
	return made, nil
}
