package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthPatience bounds the question; a health check that hangs says enough.
const healthPatience = 4 * time.Second

func healthCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Ask the gateway on this machine whether it is ready; exit 1 when it is not",
		Long:  "Asks /readyz at the PORT and WABAGATE_HOST of the environment. For the health checks of images in which there is nothing else.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(os.Environ())
			if err != nil {
				return err
			}
			return ready(cmd.Context(), cfg.Host, cfg.Port)
		},
	}
}

// ready asks a gateway that listens on a host, or on all addresses, for its readiness.
func ready(ctx context.Context, host string, port int) error {
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, strconv.Itoa(port))+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	says, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(says)))
	}
	return nil
}
