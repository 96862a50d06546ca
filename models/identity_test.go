package models_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"wabagate/models"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestSigning(t *testing.T) {
	t.Parallel()
	until := noon.Add(time.Hour)
	open := models.Webhook{Secret: "new", PreviousSecret: "old", PreviousUntil: until}
	for _, c := range []struct {
		name    string
		webhook models.Webhook
		at      time.Time
		want    []models.Secret
	}{
		{"unsigned", models.Webhook{}, noon, nil},
		{"unsigned with a relic", models.Webhook{PreviousSecret: "old", PreviousUntil: until}, noon, nil},
		{"never rotated", models.Webhook{Secret: "only"}, noon, []models.Secret{"only"}},
		{"rotated without overlap", models.Webhook{Secret: "new", PreviousUntil: until}, noon, []models.Secret{"new"}},
		{"before the overlap, by another clock", open, noon.Add(-time.Hour), []models.Secret{"new", "old"}},
		{"when it begins", open, noon, []models.Secret{"new", "old"}},
		{"in its last nanosecond", open, until.Add(-1), []models.Secret{"new", "old"}},
		{"when it ends", open, until, []models.Secret{"new"}},
		{"after", open, until.Add(1), []models.Secret{"new"}},
		{"another zone", open, until.In(time.FixedZone("", 5*3600)), []models.Secret{"new"}},
	} {
		if got := c.webhook.Signing(c.at); !slices.Equal(got, c.want) {
			t.Errorf("%s: %d secrets, want %d", c.name, len(got), len(c.want))
		}
		if got, want := c.webhook.Secret != "" && c.webhook.Overlapping(c.at), len(c.want) == 2; got != want {
			t.Errorf("%s: overlapping %v", c.name, got)
		}
	}
}

func TestRotateSecret(t *testing.T) {
	t.Parallel()
	until := noon.Add(time.Hour)
	plain := models.Webhook{Secret: "a"}
	open := models.Webhook{Secret: "b", PreviousSecret: "a", PreviousUntil: until}
	for _, c := range []struct {
		name    string
		before  models.Webhook
		overlap time.Duration
		force   bool
		at      time.Time
		want    models.Webhook
		refused bool
	}{
		{"at once", plain, 0, false, noon, models.Webhook{Secret: "n"}, false},
		{"with overlap", plain, time.Hour, false, noon, models.Webhook{Secret: "n", PreviousSecret: "a", PreviousUntil: until}, false},
		{"unsigned", models.Webhook{}, time.Hour, false, noon, models.Webhook{Secret: "n"}, false},
		{"while one is open", open, time.Hour, false, noon, open, true},
		{"at once while one is open", open, 0, false, until.Add(-1), open, true},
		{"when the one before has just ended", open, time.Minute, false, until, models.Webhook{Secret: "n", PreviousSecret: "b", PreviousUntil: until.Add(time.Minute)}, false},
		{"forced", open, 2 * time.Hour, true, noon, models.Webhook{Secret: "n", PreviousSecret: "b", PreviousUntil: noon.Add(2 * time.Hour)}, false},
		{"forced at once", open, 0, true, noon, models.Webhook{Secret: "n"}, false},
		{"forced with nothing open", plain, time.Hour, true, noon, models.Webhook{Secret: "n", PreviousSecret: "a", PreviousUntil: until}, false},
		{"forced to the present one", models.Webhook{Secret: "n"}, time.Hour, true, noon, models.Webhook{Secret: "n"}, false},
	} {
		w := c.before
		err := w.RotateSecret("n", c.overlap, c.force, c.at)
		var refusal models.RotationOpenError
		if errors.As(err, &refusal) != c.refused || c.refused && !refusal.Until.Equal(until) {
			t.Errorf("%s: %v", c.name, err)
		}
		if w.Secret != c.want.Secret || w.PreviousSecret != c.want.PreviousSecret || !w.PreviousUntil.Equal(c.want.PreviousUntil) {
			t.Errorf("%s: %q before %q until %s", c.name, w.Secret.Text(), w.PreviousSecret.Text(), w.PreviousUntil)
		}
	}
}

func TestSetSecret(t *testing.T) {
	t.Parallel()
	open := models.Webhook{Secret: "b", PreviousSecret: "a", PreviousUntil: noon}
	for secret, previous := range map[models.Secret]models.Secret{"c": "", "a": "", "": "", "b": "a"} {
		w := open
		w.SetSecret(secret)
		if w.Secret != secret || w.PreviousSecret != previous || w.PreviousUntil.IsZero() != (previous == "") {
			t.Errorf("set %q: %q before %q until %s", secret.Text(), w.Secret.Text(), w.PreviousSecret.Text(), w.PreviousUntil)
		}
	}
}
