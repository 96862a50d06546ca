// Command wabagate is the gateway: serve runs it, demo runs it with a demo business, migrate and admin prepare it,
// doctor checks it, simulate plays WhatsApp, listen forwards events to a receiver nearby, trigger sends a sample event,
// verify checks a signature, bench measures the whole path.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"wabagate/cmd/wabagate/listen"
	"wabagate/cmd/wabagate/trigger"
)

func main() {
	if os.Getenv("GOGC") == "" {
		// The heap is small and busy: collecting less often costs some 40 MiB under load and spares a twentieth of the CPU.
		debug.SetGCPercent(300)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintln(os.Stderr, "wabagate:", err)
		}
		status := 1
		var own exitError
		if errors.As(err, &own) {
			status = own.status
		}
		os.Exit(status)
	}
}

// exitError ends the program with a status of its own.
type exitError struct {
	status int
	error
}

// errSaid ends a command whose trouble was already told.
var errSaid = errors.New("said")

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "wabagate",
		Short:         "WhatsApp Business API gateway: callbacks in, signed events out",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), demoCommand(), migrateCommand(), adminCommand(), doctorCommand(), healthCommand(), simulateCommand(), listen.Command(), trigger.Command(),
		verifyCommand(), benchCommand())
	return root
}
