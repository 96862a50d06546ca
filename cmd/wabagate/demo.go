package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"wabagate/cmd/wabagate/remote"
	"wabagate/fanout/signature"
	"wabagate/models"
)

// demo is what the demo business was made with; kept beside the data, so that a restart prints the same.
type demo struct {
	Email         string `json:"email"`
	Password      string `json:"password"`
	App           string `json:"app"`
	AppSecret     string `json:"app_secret"`
	VerifyToken   string `json:"verify_token"`
	PhoneNumberID string `json:"phone_number_id"`
	Display       string `json:"display_number"`
	Bin           string `json:"inspector_bin"`
	BusinessID    int64  `json:"business_id"`
	WebhookID     int64  `json:"webhook_id"`
	APIKey        string `json:"api_key"`
}

const demoFile = "demo.json"

func demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Run the whole gateway on the embedded default with a demo business",
		Long:  "Runs everything in one process: SQLite in WABAGATE_DATA (./data), an in-process queue, a demo business with a number, and a webhook that points at the built-in inspector.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(os.Environ())
			if err != nil {
				return err
			}
			if !cfg.Embedded() {
				return errors.New("demo runs on the embedded default only: unset DATABASE_URL and REDIS_URL, or use wabagate serve")
			}
			if cfg.Host == "" {
				cfg.Host = "127.0.0.1" // a trial is nobody else's business
			}
			cfg.Demo = true
			return serve(cmd.Context(), cfg, func(ctx context.Context, a *App) error {
				d, err := ensureDemo(ctx, cfg, a)
				if err != nil {
					return fmt.Errorf("make the demo business: %w", err)
				}
				d.print(cmd, cfg)
				return nil
			})
		},
	}
}

// ensureDemo makes the demo business once, and points its webhook at this process's inspector.
func ensureDemo(ctx context.Context, cfg Config, a *App) (demo, error) {
	path := filepath.Join(cfg.Data, demoFile)
	inspector := func(bin string) string { return fmt.Sprintf("http://127.0.0.1:%d/inspect/%s", cfg.Port, bin) }
	var d demo
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(b, &d); err != nil {
			return d, fmt.Errorf("%s: %w", path, err)
		}
		// Another port than last time moves the inspector.
		_, err = a.store.UpdateWebhook(ctx, d.BusinessID, d.WebhookID, func(w *models.Webhook) error { w.URL = inspector(d.Bin); return nil })
		if err == nil {
			err = a.directory.Refresh(ctx)
		}
		if errors.Is(err, models.ErrNotFound) {
			err = nil // its owner deleted it
		}
		return d, err
	case !errors.Is(err, fs.ErrNotExist):
		return d, err
	}
	d = demo{Email: "demo@example.com", Password: models.RandomToken().Text()[:12], App: "demo", AppSecret: "demo_" + models.RandomToken().Text(),
		VerifyToken: models.RandomToken().Text(), PhoneNumberID: "600700800900100", Display: "15550100200", Bin: models.RandomToken().Text()}
	made, err := bootstrap{Business: "Demo Bakery", Email: d.Email, App: d.App, PhoneNumberID: d.PhoneNumberID, Display: d.Display, WABA: "500100200300400",
		Password: d.Password, AppSecret: d.AppSecret, VerifyToken: d.VerifyToken}.run(ctx, a.store)
	if err != nil {
		return d, err
	}
	hook, err := a.store.CreateWebhook(ctx, models.Webhook{BusinessID: made.BusinessID, Name: "Inspector", Description: "Shows every event of the demo number",
		URL: inspector(d.Bin), Events: []string{"*"}, Dialect: "wabagate", Secret: models.Secret(signature.NewRandomSecret().Text()), Active: true})
	if err != nil {
		return d, err
	}
	d.BusinessID, d.WebhookID, d.APIKey = made.BusinessID, hook.ID, made.APIKey
	if b, err = json.MarshalIndent(d, "", "  "); err != nil {
		return d, err
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return d, err
	}
	return d, a.directory.Refresh(ctx)
}

func (d demo) print(cmd *cobra.Command, cfg Config) {
	base := fmt.Sprintf("http://localhost:%d", cfg.Port)
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, `
  Dashboard   %[1]s/   (it shows the way to a first event)
  Login       %[2]s / %[3]s
  Inspector   %[1]s/inspect/%[4]s
  Queues      %[1]s/monitor/

  Post a signed sample callback (paste into another terminal):

  B='{"object":"whatsapp_business_account","entry":[{"id":"500100200300400","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"%[5]s","phone_number_id":"%[6]s"},"contacts":[{"profile":{"name":"Ada"},"wa_id":"15550177321"}],"messages":[{"from":"15550177321","id":"wamid.'$(date +%%s%%N)'","timestamp":"'$(date +%%s)'","type":"text","text":{"body":"Is it open today? أهلا 👋"}}]}}]}]}'
  curl -i -H "X-Hub-Signature-256: sha256=$(printf %%s "$B" | openssl dgst -sha256 -hmac %[7]s | sed 's/.* //')" -d "$B" %[1]s/webhooks/cloud/%[8]s

  Or many of them:

  %[9]s

  See the events at a receiver of your own, signed as a webhook's:

  %[11]s=%[12]s %[10]s listen --url %[1]s --forward localhost:3000

`, base, d.Email, d.Password, d.Bin, d.Display, d.PhoneNumberID, d.AppSecret, d.App,
		simulateLine(base, d.App, models.Secret(d.AppSecret), models.Number{PhoneNumberID: d.PhoneNumberID}), self(), remote.KeyVariable, d.APIKey)
}
