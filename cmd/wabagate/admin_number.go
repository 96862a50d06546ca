package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"wabagate/fanout"
	"wabagate/gateway/line"
	"wabagate/models"
	"wabagate/waba/graph"
)

func adminNumber() *cobra.Command {
	var business int64
	n := models.Number{}
	cmd := &cobra.Command{Use: "number PHONE_NUMBER_ID", Short: "Connect a number; callbacks kept for it are processed", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return withStore(cmd.Context(), func(s *models.Store) error {
			if _, err := s.Business(cmd.Context(), business); err != nil {
				return err
			}
			n.BusinessID, n.PhoneNumberID, n.Display = business, args[0], digits(n.Display)
			made, err := s.CreateNumber(cmd.Context(), n)
			if err == nil {
				err = record(cmd.Context(), s, business, "number.created", "number", made.ID, made.Name)
			}
			return say(cmd.OutOrStdout(), err, "number %d", made.ID)
		})
	}}
	cmd.Flags().Int64Var(&business, "business", 0, "id of the business")
	cmd.Flags().StringVar(&n.Display, "display-number", "", "the number itself")
	cmd.Flags().StringVar(&n.WABAID, "waba-id", "", "the WhatsApp business account")
	cmd.Flags().StringVar(&n.Name, "name", "", "what people call it")
	return cmd
}

// connectTimeout bounds connecting a number: some ten calls, one after the other.
const connectTimeout = 2 * time.Minute

func adminConnect() *cobra.Command {
	var business int64
	var token, secret string
	r := line.Request{Operator: true}
	cmd := &cobra.Command{
		Use:   "connect [PHONE_NUMBER_ID]",
		Short: "Connect a number by its token, so that it can send; or bring it up to date",
		Long: `Checks the token at the platform, what it may do and whose number it opens, subscribes its app to the WhatsApp account and, with
--override, has the number's callbacks posted to this gateway. At a provider (--style 360dialog or onprem) the key is checked and the
number's webhook is set. Nothing is kept unless all of that went well; what fails is said with what was answered and what to do.

The address that callbacks go to begins with WABAGATE_PUBLIC_URL. A gateway that is running uses the token from its next message on.`,
		Example: `  wabagate admin connect 600700800900100 --business 1 --waba-id 500100200300400 --token - --override < token.txt
  wabagate admin connect --business 1 --style 360dialog --token -
  wabagate admin connect 15550100200 --business 1 --style onprem --base-url https://waba.provider.example --token - --display-number +15550100200`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				r.PhoneNumberID = args[0]
			}
			var err error
			if r.Token, err = secretFlag("--token", token, cmd.InOrStdin()); err != nil {
				return err
			}
			r.AppSecret, r.Display = models.Secret(secret), digits(r.Display)
			return withStore(cmd.Context(), func(s *models.Store) error { return connect(cmd, s, business, r) })
		},
	}
	f := cmd.Flags()
	f.Int64Var(&business, "business", 0, "id of the business")
	f.StringVar(&token, "token", "", "access token of a system user, or the provider's key; - reads it from the standard input, which other users of the machine cannot see")
	f.StringVar(&r.WABAID, "waba-id", "", "the WhatsApp business account (default: the only one that the token is for)")
	f.BoolVar(&r.Override, "override", false, "have the platform post the number's callbacks to this gateway, whatever its app says")
	f.StringVar(&r.App, "app", "", "name here of the Meta app that the token was made for (default: the only one that serves the business)")
	f.StringVar(&r.AppID, "app-id", "", "Meta's id of that app")
	f.StringVar(&secret, "app-secret", "", "its secret, for questions about the token (default: that of the app here)")
	f.StringVar(&r.Style, "style", line.StyleCloud, strings.Join(line.Styles(), ", "))
	f.StringVar(&r.Base, "base-url", "", "address of the API (default: the platform's or 360dialog's own)")
	f.StringVar(&r.Version, "version", "", "version of the Graph API (default: that of this build)")
	f.StringVar(&r.PublicURL, "public-url", "", "where callbacks are to go (default: WABAGATE_PUBLIC_URL)")
	f.StringVar(&r.Display, "display-number", "", "the number itself, where the upstream does not say it")
	f.StringVar(&r.Name, "name", "", "what people call it (default: its verified name)")
	f.IntVar(&r.Rate, "rate", 0, "messages per second (default: 80, or what the platform says)")
	return cmd
}

// secretFlag is a secret that was given as a flag or, by a dash, on the standard input.
func secretFlag(name, value string, in io.Reader) (models.Secret, error) {
	if value == "-" {
		text, err := bufio.NewReader(io.LimitReader(in, 1<<16)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read %s from the standard input: %w", name, err)
		}
		value = strings.TrimSpace(text)
	}
	if value == "" {
		return "", fmt.Errorf("%s is empty: give it, or - and the text on the standard input", name)
	}
	return models.Secret(value), nil
}

// unqueued leaves work in the database, where the gateway finds it within seconds.
type unqueued struct{}

func (unqueued) Enqueue(context.Context, ...models.Work) error { return nil }

func connect(cmd *cobra.Command, s *models.Store, business int64, r line.Request) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), connectTimeout)
	defer cancel()
	if _, err := s.Business(ctx, business); err != nil {
		return err
	}
	cfg, err := loadConfig(os.Environ())
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	directory, err := models.NewDirectory(ctx, s, log)
	if err != nil {
		return err
	}
	news := fanout.NewRecorder(s, directory, fanout.NewSubscriptions(directory.Routes, log), unqueued{}, nil, log, fanout.NewMetrics(prometheus.NewRegistry()), s.Now)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if cfg.Proxy != nil {
		transport.Proxy = http.ProxyURL(cfg.Proxy)
	}
	defer transport.CloseIdleConnections()
	lines, err := line.New(line.Options{Store: s, Directory: directory, Client: graph.New(&http.Client{Timeout: 30 * time.Second, Transport: transport}, "wabagate"), PublicURL: cfg.PublicURL,
		CloudBase: cfg.GraphURL, Dialog360Base: cfg.Dialog360URL, News: news, Now: s.Now})
	if err != nil {
		return err
	}
	made, err := lines.Connect(ctx, business, r)
	var trouble *line.Trouble
	if errors.As(err, &trouble) {
		return fmt.Errorf("not connected (%s): %s", trouble.Step, trouble.Text())
	}
	if err != nil {
		return err
	}
	if err := record(ctx, s, business, "number.connected", "number", made.Number.ID, made.Number.Name); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "number %d\t%s\t%s\n", made.Number.ID, made.Number.Display, made.Number.Name)
	if ends := made.Upstream.TokenExpiresAt; !ends.IsZero() {
		fmt.Fprintf(out, "the token ends on %s\n", ends.Format(time.RFC3339))
	}
	if h := made.Upstream.Checked; h.Trouble != "" {
		fmt.Fprintln(out, "needs attention:", h.Trouble)
	}
	return nil
}
