package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"wabagate/cmd/wabagate/complete"
)

func serveCommand() *cobra.Command {
	var roles string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long:  "Runs the gateway on the stores that DATABASE_URL and REDIS_URL name, or on the embedded default without them.\n\n" + settingsHelp(),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(os.Environ())
			if err != nil {
				return err
			}
			if roles != "" {
				if cfg.Roles, err = parseRoles(roles); err != nil {
					return fmt.Errorf("--roles: %w", err)
				}
			}
			return serve(cmd.Context(), cfg, nil)
		},
	}
	cmd.Flags().StringVar(&roles, "roles", "", "what this process does: ingress, api, worker, separated by commas (default: all)")
	complete.Flag(cmd, "roles", complete.Listed(complete.Of("ingress", "api", "worker")))
	return cmd
}

// serve runs the gateway until ctx ends; ready is called once it listens.
func serve(ctx context.Context, cfg Config, ready func(context.Context, *App) error) error {
	log := cfg.newLogger(os.Stderr)
	stopProfile, err := startProfile(cfg.Profile)
	if err != nil {
		return err
	}
	defer stopProfile()
	a, err := New(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer a.Stop()
	failed, err := a.Start()
	if err != nil {
		return err
	}
	stores := "PostgreSQL and Redis"
	switch {
	case cfg.Embedded():
		stores = "embedded: SQLite in " + cfg.Data + ", in-process queue (about 1,000 tasks/s, one process)"
	case cfg.DatabaseURL == "":
		stores = "SQLite in " + cfg.Data + " and Redis"
	case cfg.RedisURL == "":
		stores = "PostgreSQL and an in-process queue (one process)"
	}
	log.Info("serving", "address", a.Addr(), "stores", stores, "roles", cfg.Roles.String())
	if !cfg.AllowPrivate.Empty() {
		log.Info("webhooks may reach private addresses", "allowed", cfg.AllowPrivate.String())
	}
	if ready != nil {
		if err := ready(ctx, a); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		log.Info("stopping: finishing what is in hand", "at_most", cfg.Grace)
		return nil
	case err := <-failed:
		return err
	}
}

func migrateCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to date",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(os.Environ())
			if err != nil {
				return err
			}
			return migrate(cmd.Context(), cfg, cmd.OutOrStdout(), check)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "only say whether migrations are pending (exit 1 if so)")
	return cmd
}

// migrate brings the schema up to date and prints what it applied; with check it only says whether there is anything to do.
func migrate(ctx context.Context, cfg Config, out io.Writer, check bool) error {
	store, err := openStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	if check {
		pending, err := store.Pending(ctx)
		if err == nil && pending {
			err = errors.New("migrations are pending")
		}
		return err
	}
	names, err := store.Migrate(ctx)
	for _, n := range names {
		fmt.Fprintln(out, "applied", n)
	}
	if err == nil && len(names) == 0 {
		fmt.Fprintln(out, "nothing to apply")
	}
	return err
}
