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
	f.BoolVar(&u.IsOperator, "operator", false, "may also operate the gateway at /operations: queues, businesses and apps")
	f.BoolVar(&u.IsViewer, "viewer", false, "may also look at /operations, and change nothing there")
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
					if ops := u.Operations(); ops != models.NoOperations {
						role += ", " + string(ops)
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

func adminOperator() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "operator EMAIL",
		Short: "Say what a user may do at /operations: operator, viewer or none",
		Long: `Lets a user operate the gateway as a whole, whatever their role in their business: operators see the queues of all businesses, run,
archive and delete tasks, reveal what they carry, and look after businesses and apps; viewers see the same and change and reveal nothing.
It counts from their next click on. The last operator stays one.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, known := map[string]models.OperationsRole{"operator": models.Operator, "viewer": models.Viewer, "none": models.NoOperations}[role]
			if !known {
				return fmt.Errorf("--role %s: the roles of operations are operator, viewer, none", role)
			}
			return withStore(cmd.Context(), func(s *models.Store) error {
				before, err := s.SetOperations(cmd.Context(), args[0], to)
				if err != nil {
					return err
				}
				err = s.Record(cmd.Context(), models.AuditEntry{Actor: models.AdminActor, Action: "operator.updated", Object: models.Object{Kind: "operator", ID: strconv.FormatInt(before.ID, 10), Name: before.Called()},
					Changes: []models.Change{{Field: "role", Before: string(before.Operations()), After: string(to)}}})
				return say(cmd.OutOrStdout(), err, "%s is %s now", before.Email, map[models.OperationsRole]string{models.Operator: "an operator", models.Viewer: "a viewer", models.NoOperations: "neither operator nor viewer"}[to])
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", string(models.Operator), "operator, viewer or none")
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
