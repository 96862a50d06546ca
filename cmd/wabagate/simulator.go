package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"wabagate/cmd/wabagate/simulate"
	"wabagate/models"
	"wabagate/waba/simulator"
)

// simulated plays WhatsApp for the dashboard of the demo: it posts signed callbacks to this process, over HTTP, as
// anybody else who knows the secret of the number's app.
type simulated struct {
	routes func() *models.Routes
	// addr is where this process listens.
	addr func() string
}

// appOf is the app whose callbacks may be about a number of a business.
func (s simulated) appOf(businessID int64) (models.App, bool) {
	for _, app := range s.routes().Apps {
		if app.BusinessID != nil && *app.BusinessID == businessID && len(app.Secrets) > 0 {
			return app, true
		}
	}
	return models.App{}, false
}

// Receive has a made-up customer write a text.
func (s simulated) Receive(ctx context.Context, n models.Number) error {
	app, ok := s.appOf(n.BusinessID)
	if !ok {
		return fmt.Errorf("app of business %d: %w", n.BusinessID, models.ErrNotFound)
	}
	mix, err := simulate.MixOf("text", false, false)
	if err != nil {
		return err
	}
	tally, err := simulate.Run(ctx, simulate.Options{URL: fmt.Sprintf("http://%s/webhooks/cloud/%s", s.addr(), app.Name), Secret: app.Secrets[0], Count: 1,
		Simulator: simulator.Options{PhoneNumberID: n.PhoneNumberID, DisplayPhoneNumber: n.Display, WABAID: n.WABAID, Seed: rand.Uint64(), Mix: mix}})
	if err == nil && tally.Unacknowledged > 0 {
		err = errors.New("the simulated message was not acknowledged")
	}
	return err
}

// Command is what posts many, as a person would type it.
func (s simulated) Command(n models.Number, base string) string {
	app, ok := s.appOf(n.BusinessID)
	if !ok {
		return ""
	}
	return simulateLine(base, app.Name, app.Secrets[0], n)
}

// simulateLine is a command line that simulates customers of a number.
func simulateLine(base, app string, secret models.Secret, n models.Number) string {
	return fmt.Sprintf("%s simulate --url %s/webhooks/cloud/%s --secret %s --phone-number-id %s --count 20", self(), base, app, secret.Text(), n.PhoneNumberID)
}

// self is how a person starts this program again.
func self() string {
	if strings.HasPrefix(os.Args[0], os.TempDir()) || strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/wabagate"
	}
	return os.Args[0]
}
