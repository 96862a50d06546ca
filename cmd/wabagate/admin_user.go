package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wabagate/models"
)

// record tells a business's audit log what was done from a shell.
func record(ctx context.Context, s *models.Store, businessID int64, action, kind string, id int64, name string) error {
	return s.Record(ctx, models.AuditEntry{BusinessID: businessID, Actor: models.AdminActor, Action: action, Object: models.Object{Kind: kind, ID: strconv.FormatInt(id, 10), Name: name}})
}

func adminUser() *cobra.Command {
	u := models.User{}
	var password, role string
	cmd := &cobra.Command{Use: "user EMAIL", Short: "Create a user (the very first one is an operator)", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		u.Email, u.Role = args[0], models.Role(role)
		if !u.Role.Known() {
			return fmt.Errorf("--role %s: the roles are %s", role, strings.Join(models.RoleNames(), ", "))
		}
		return withStore(cmd.Context(), func(s *models.Store) error {
			if _, err := s.Business(cmd.Context(), u.BusinessID); err != nil {
				return err
			}
			made, err := s.AddUser(cmd.Context(), u, models.Secret(password))
			if err == nil {
				err = record(cmd.Context(), s, made.BusinessID, "user.created", "user", made.ID, made.Called())
			}
			return say(cmd.OutOrStdout(), err, "user %d", made.ID)
		})
	}}
	f := cmd.Flags()
	f.Int64Var(&u.BusinessID, "business", 0, "id of the business")
	f.StringVar(&password, "password", "", "at least 8 characters")
	f.StringVar(&role, "role", string(models.RoleOwner), "what the user may do: "+strings.Join(models.RoleNames(), ", "))
	f.StringVar(&u.Name, "name", "", "what people call the user")
	f.BoolVar(&u.IsOperator, "operator", false, "may also see the queues of all businesses at /monitor/")
	return cmd
}

func adminUsers() *cobra.Command {
	var business int64
	cmd := &cobra.Command{Use: "users", Short: "Show who logs in, with roles and last logins", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return withStore(cmd.Context(), func(s *models.Store) error {
			bs, err := s.Businesses(cmd.Context())
			if business != 0 {
				var one models.Business
				one, err = s.Business(cmd.Context(), business)
				bs = []models.Business{one}
			}
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			for _, b := range bs {
				us, err := s.Users(cmd.Context(), b.ID)
				if err != nil {
					return err
				}
				fmt.Fprintf(w, "business %d\t%s\t\n", b.ID, b.Name)
				for _, u := range us {
					role, login := string(u.Role), "never"
					if u.IsOperator {
						role += ", operator"
					}
					if u.LastLoginAt != nil {
						login = u.LastLoginAt.UTC().Format(time.RFC3339)
					}
					fmt.Fprintf(w, "  user %d\t%s\t%s\t%s\tlast login %s\n", u.ID, u.Email, u.Name, role, login)
				}
			}
			return w.Flush()
		})
	}}
	cmd.Flags().Int64Var(&business, "business", 0, "id of the only business to show (default: all)")
	return cmd
}

func adminPassword() *cobra.Command {
	var password string
	cmd := &cobra.Command{Use: "password EMAIL", Short: "Give a user another password and end the user's sessions", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return withStore(cmd.Context(), func(s *models.Store) error {
			if err := s.SetPassword(cmd.Context(), args[0], models.Secret(password)); err != nil {
				return err
			}
			u, err := s.UserByEmail(cmd.Context(), args[0])
			if err == nil {
				err = record(cmd.Context(), s, u.BusinessID, "user.password_changed", "user", u.ID, u.Called())
			}
			return say(cmd.OutOrStdout(), err, "password changed")
		})
	}}
	cmd.Flags().StringVar(&password, "password", "", "at least 8 characters")
	return cmd
}
