package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"wabagate/cmd/wabagate/doctor"
	"wabagate/fanout/task"
	"wabagate/models"
)

// defaultConns is what WABAGATE_DB_CONNS is when it is unset.
const defaultConns = 16

func doctorCommand() *cobra.Command {
	var asJSON, settingsOnly bool
	var processes int
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check a deployment and say what to fix; exit 1 when something is wrong",
		Long: "Checks the deployment that the environment describes, as one of its processes sees it: run it where they run, with their environment.\n" +
			"It changes nothing. Each line is a check: ok, warning or wrong, with what to do.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			redis.SetLogger(silent{}) // what it has to say of connections, the findings say
			cfg, err := loadConfig(os.Environ())
			findings := []doctor.Finding{judgeSettings(err)}
			if err == nil && !settingsOnly {
				o, err := doctorOptions(cfg, processes)
				if err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(cmd.Context(), doctorPatience)
				defer cancel()
				findings = append(findings, doctor.Run(ctx, o)...)
			}
			report := doctor.NewReport(findings)
			show := report.Text
			if asJSON {
				show = report.JSON
			}
			if err := show(cmd.OutOrStdout()); err != nil {
				return err
			}
			if !report.OK {
				return errSaid
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, for scripts")
	cmd.Flags().BoolVar(&settingsOnly, "settings", false, "only look whether the settings are known and well-formed")
	cmd.Flags().IntVar(&processes, "processes", 0, "how many processes share the database (default: as many as are seen)")
	return cmd
}

// doctorPatience bounds a whole examination: thousands of receivers may be dead.
const doctorPatience = 5 * time.Minute

func judgeSettings(err error) doctor.Finding {
	const check = "configuration"
	if err != nil {
		return doctor.Finding{Check: check, Level: doctor.Wrong, Says: err.Error(), Remedy: "correct the environment; wabagate serve --help lists the settings"}
	}
	return doctor.Finding{Check: check, Level: doctor.OK, Says: "every setting is known and well-formed"}
}

// silent is a log of the Redis client that nobody reads.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// doctorOptions is a deployment as its processes are configured.
func doctorOptions(cfg Config, processes int) (doctor.Options, error) {
	o := doctor.Options{
		Database: models.Options{DatabaseURL: cfg.DatabaseURL, Dir: cfg.Data, MasterKey: cfg.MasterKey, PreviousMasterKey: cfg.PreviousMasterKey, MaxConns: 2},
		Layout:   task.Layout{Spread: queueSpread(cfg)}, Processes: processes, Conns: cmp.Or(cfg.DBConns, defaultConns),
		Allowed: cfg.AllowPrivate, AllowHTTP: cfg.AllowHTTP, Proxy: cfg.Proxy, PublicURL: cfg.PublicURL, Proxied: len(cfg.TrustedProxies) > 0,
		Upstreams: []string{cmp.Or(cfg.GraphURL, "https://graph.facebook.com")},
	}
	if cfg.RedisURL != "" {
		options, err := parseRedis(cfg.RedisURL.Text())
		if err != nil {
			return o, fmt.Errorf("REDIS_URL %w", err)
		}
		o.Redis = options
	}
	if cfg.DatabaseURL == "" {
		o.Disks = append(o.Disks, cfg.Data)
	}
	dir := cmp.Or(cfg.Media.Dir, filepath.Join(cfg.Data, "media"))
	o.Media, o.MediaPlace, o.MediaUnsaid = func(context.Context) error { return writable(dir) }, dir, cfg.Media.Dir == ""
	if b := cfg.Media.Bucket; b.Bucket != "" {
		o.MediaPlace, o.MediaUnsaid = "the bucket "+b.Bucket, false
		o.Media = func(ctx context.Context) error {
			bucket, err := openBucket(cfg.Media)
			if err != nil {
				return err
			}
			return bucket.Check(ctx)
		}
	} else if cfg.Media.Dir != "" {
		o.Disks = append(o.Disks, dir)
	}
	return o, nil
}

// writable tries to make a file in a directory, or in the one in which it would be made.
func writable(dir string) error {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	f, err := os.CreateTemp(dir, ".wabagate-doctor-")
	if err != nil {
		return err
	}
	_ = f.Close()
	return os.Remove(f.Name())
}
