package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wabagate/models"
)

func adminCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "admin", Short: "Create businesses, users, apps, numbers and keys from a shell; rotate what protects secrets"}
	cmd.AddCommand(bootstrapCommand(), adminBusiness(), adminUser(), adminUsers(), adminOperator(), adminPassword(), adminApp(), adminAppSecret(), adminNumber(), adminConnect(), adminKey(), adminRotateKeys(), adminReport(), adminList())
	return cmd
}

// withStore runs fn on the configured database, whose schema must be up to date.
func withStore(ctx context.Context, fn func(*models.Store) error) error {
	cfg, err := loadConfig(os.Environ())
	if err != nil {
		return err
	}
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	if pending, err := store.Pending(ctx); err != nil {
		return err
	} else if pending {
		return models.ErrPendingMigrations
	}
	return fn(store)
}

// bootstrap is everything that a first callback needs.
type bootstrap struct {
	Business, Email, App, PhoneNumberID, Display, WABA string
	Password, AppSecret, VerifyToken                   string
}

// bootstrapped is what bootstrap made. The keys are shown this once.
type bootstrapped struct {
	BusinessID    int64  `json:"business_id"`
	UserID        int64  `json:"user_id"`
	App           string `json:"app"`
	NumberID      int64  `json:"number_id"`
	PhoneNumberID string `json:"phone_number_id"`
	APIKey        string `json:"api_key"`
	NumberAPIKey  string `json:"number_api_key"`
}

func (b bootstrap) run(ctx context.Context, s *models.Store) (bootstrapped, error) {
	var out bootstrapped
	var missing []string
	for _, f := range [][2]string{{"--business", b.Business}, {"--email", b.Email}, {"--password", b.Password}, {"--app", b.App},
		{"--app-secret", b.AppSecret}, {"--verify-token", b.VerifyToken}, {"--phone-number-id", b.PhoneNumberID}, {"--display-number", b.Display}} {
		if strings.TrimSpace(f[1]) == "" {
			missing = append(missing, f[0])
		}
	}
	if len(missing) > 0 {
		return out, fmt.Errorf("bootstrap also needs %s", strings.Join(missing, ", "))
	}
	if err := checkAppName(b.App); err != nil {
		return out, err
	}
	business, err := s.CreateBusiness(ctx, b.Business)
	if err != nil {
		return out, err
	}
	user, err := s.CreateUser(ctx, business.ID, b.Email, models.Secret(b.Password), false)
	if err != nil {
		return out, err
	}
	app, err := s.CreateApp(ctx, models.App{BusinessID: &business.ID, Name: b.App, VerifyToken: models.Secret(b.VerifyToken), Secrets: []models.Secret{models.Secret(b.AppSecret)}})
	if err != nil {
		return out, err
	}
	number, err := s.CreateNumber(ctx, models.Number{BusinessID: business.ID, PhoneNumberID: b.PhoneNumberID, Display: digits(b.Display), WABAID: b.WABA, Name: b.Business})
	if err != nil {
		return out, err
	}
	_, key, err := s.AddAPIKey(ctx, models.APIKey{BusinessID: business.ID, Name: "bootstrap", CreatedBy: models.AdminActor.Name})
	if err != nil {
		return out, err
	}
	_, numberKey, err := s.AddAPIKey(ctx, models.APIKey{BusinessID: business.ID, NumberID: &number.ID, Name: "bootstrap", CreatedBy: models.AdminActor.Name})
	if err != nil {
		return out, err
	}
	err = record(ctx, s, business.ID, "business.created", "business", business.ID, business.Name)
	return bootstrapped{business.ID, user.ID, app.Name, number.ID, number.PhoneNumberID, key.Text(), numberKey.Text()}, err
}

// digits keeps the digits of a number as people write it; callbacks name numbers so.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// checkAppName: an app's name is part of its callback address.
func checkAppName(name string) error {
	ok := name != "" && len(name) <= 64
	for _, r := range name {
		ok = ok && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	}
	if !ok {
		return fmt.Errorf("app name %q: use up to 64 letters, digits, dots, dashes and underscores; it is part of the callback address", name)
	}
	return nil
}

func bootstrapCommand() *cobra.Command {
	var b bootstrap
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "Make one business, user, app, number and key of each kind in one go",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd.Context(), func(s *models.Store) error {
				out, err := b.run(cmd.Context(), s)
				if err != nil {
					if errors.Is(err, models.ErrConflict) {
						err = fmt.Errorf("%w (nothing else was undone; wabagate admin list shows what is there)", err)
					}
					return err
				}
				if asJSON {
					return json.NewEncoder(cmd.OutOrStdout()).Encode(out)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "business %d, user %d (%s), number %d\ncallback address  /webhooks/cloud/%s\nAPI key           %s\nnumber API key    %s\nThe keys are shown this once.\n",
					out.BusinessID, out.UserID, b.Email, out.NumberID, out.App, out.APIKey, out.NumberAPIKey)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print JSON, for scripts")
	f.StringVar(&b.Business, "business", "", "name of the business")
	f.StringVar(&b.Email, "email", "", "address its first user logs in with")
	f.StringVar(&b.Password, "password", "", "password of that user, at least 8 characters")
	f.StringVar(&b.App, "app", "", "name of the Meta app, part of its callback address")
	f.StringVar(&b.AppSecret, "app-secret", "", "secret that signs the app's callbacks")
	f.StringVar(&b.VerifyToken, "verify-token", "", "token of the verification handshake")
	f.StringVar(&b.PhoneNumberID, "phone-number-id", "", "the platform's id of the number")
	f.StringVar(&b.Display, "display-number", "", "the number itself")
	f.StringVar(&b.WABA, "waba-id", "", "the WhatsApp business account, for changes that name no number")
	return cmd
}

func adminBusiness() *cobra.Command {
	return &cobra.Command{Use: "business NAME", Short: "Create a business", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return withStore(cmd.Context(), func(s *models.Store) error {
			b, err := s.CreateBusiness(cmd.Context(), args[0])
			if err == nil {
				err = record(cmd.Context(), s, b.ID, "business.created", "business", b.ID, b.Name)
			}
			return say(cmd.OutOrStdout(), err, "business %d", b.ID)
		})
	}}
}

func adminApp() *cobra.Command {
	var business int64
	var secret, token string
	cmd := &cobra.Command{Use: "app NAME", Short: "Create a Meta app; its callbacks go to /webhooks/cloud/NAME", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		if err := checkAppName(args[0]); err != nil {
			return err
		}
		if secret == "" || token == "" {
			return errors.New("an app needs --app-secret and --verify-token")
		}
		return withStore(cmd.Context(), func(s *models.Store) error {
			a := models.App{Name: args[0], VerifyToken: models.Secret(token), Secrets: []models.Secret{models.Secret(secret)}}
			if business != 0 {
				a.BusinessID = &business
			}
			a, err := s.CreateApp(cmd.Context(), a)
			return say(cmd.OutOrStdout(), err, "app %d", a.ID)
		})
	}}
	cmd.Flags().Int64Var(&business, "business", 0, "the only business whose numbers it serves (default: all)")
	cmd.Flags().StringVar(&secret, "app-secret", "", "secret that signs its callbacks")
	cmd.Flags().StringVar(&token, "verify-token", "", "token of the verification handshake")
	return cmd
}

func adminAppSecret() *cobra.Command {
	var add string
	var dropOld bool
	cmd := &cobra.Command{Use: "app-secret NAME", Short: "Rotate an app's secret: --add the new one, later --drop-old", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		if (add == "") == !dropOld {
			return errors.New("say either --add SECRET or --drop-old")
		}
		return withStore(cmd.Context(), func(s *models.Store) error {
			if dropOld {
				return say(cmd.OutOrStdout(), s.DropOldAppSecrets(cmd.Context(), args[0]), "only the newest secret is valid now")
			}
			return say(cmd.OutOrStdout(), s.AddAppSecret(cmd.Context(), args[0], models.Secret(add)), "callbacks signed with the new secret are accepted now, those with the old one too")
		})
	}}
	cmd.Flags().StringVar(&add, "add", "", "one more valid secret")
	cmd.Flags().BoolVar(&dropOld, "drop-old", false, "leave only the newest secret valid")
	return cmd
}

func adminKey() *cobra.Command {
	var business, number int64
	cmd := &cobra.Command{Use: "key NAME", Short: "Create an API key of a business, or of one of its numbers", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return withStore(cmd.Context(), func(s *models.Store) error {
			if _, err := s.Business(cmd.Context(), business); err != nil {
				return err
			}
			var of *int64
			if number != 0 {
				of = &number
			}
			k, key, err := s.AddAPIKey(cmd.Context(), models.APIKey{BusinessID: business, NumberID: of, Name: args[0], CreatedBy: models.AdminActor.Name})
			if err == nil {
				err = record(cmd.Context(), s, business, "key.created", "key", k.ID, k.Name)
			}
			return say(cmd.OutOrStdout(), err, "%s", key.Text())
		})
	}}
	cmd.Flags().Int64Var(&business, "business", 0, "id of the business")
	cmd.Flags().Int64Var(&number, "number", 0, "id of the number, for a number's key")
	return cmd
}

func adminList() *cobra.Command {
	return &cobra.Command{Use: "list", Short: "Show businesses with their numbers and webhooks", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return withStore(cmd.Context(), func(s *models.Store) error {
			bs, err := s.Businesses(cmd.Context())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			for _, b := range bs {
				fmt.Fprintf(w, "business %d\t%s\t\n", b.ID, b.Name)
				ns, err := s.Numbers(cmd.Context(), b.ID)
				if err != nil {
					return err
				}
				for _, n := range ns {
					fmt.Fprintf(w, "  number %d\t%s\t%s\n", n.ID, n.Display, n.PhoneNumberID)
				}
				hooks, err := s.Webhooks(cmd.Context(), b.ID, 0, 0)
				if err != nil {
					return err
				}
				for _, h := range hooks {
					state := "active"
					if !h.Active {
						state = "off " + h.DisabledReason
					}
					fmt.Fprintf(w, "  webhook %d\t%s\t%s\n", h.ID, h.Name, state)
				}
			}
			return w.Flush()
		})
	}}
}

func say(w io.Writer, err error, format string, args ...any) error {
	if err == nil {
		fmt.Fprintf(w, format+"\n", args...)
	}
	return err
}
