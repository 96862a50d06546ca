package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"wabagate/models"
)

func adminRotateKeys() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate-keys",
		Short: "Encrypt every secret in the database with a new data key",
		Long: `Makes a new data key, encrypts every secret in the database with it and removes the old key. The gateway may go on running.
A rotation that was stopped goes on where it was when the command is run again.

To change the master key instead, start every process with WABAGATE_MASTER_KEY set to the new one and WABAGATE_MASTER_KEY_PREVIOUS
to the one before; any start or admin command changes over, and then the previous one can be taken away.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd.Context(), func(s *models.Store) error {
				out := cmd.OutOrStdout()
				if n := s.Rewrapped(); n > 0 {
					fmt.Fprintf(out, "data keys protected by WABAGATE_MASTER_KEY from now on: %d\n", n)
				}
				r, err := s.RotateKeys(cmd.Context(), progressOf(cmd.ErrOrStderr(), time.Now))
				if err != nil {
					return fmt.Errorf("%w (run it again: it goes on where it was)", err)
				}
				begun := "new"
				if r.Resumed {
					begun = "begun before, finished now"
				}
				fmt.Fprintf(out, "data key %d (%s); secrets encrypted with it: %d; old keys removed: %d\n", r.Key, begun, r.Resealed, r.Removed)
				if !s.KeysProtected() {
					fmt.Fprintln(out, "WABAGATE_MASTER_KEY is not set: the data key lies unprotected in the database")
				}
				return nil
			})
		},
	}
}

// progressOf tells people how far a long rotation is, once a second.
func progressOf(w io.Writer, now func() time.Time) func(models.KeyRotation) {
	last := now()
	return func(r models.KeyRotation) {
		if at := now(); at.Sub(last) >= time.Second {
			last = at
			fmt.Fprintf(w, "%d of %d secrets\n", r.Resealed, r.Total)
		}
	}
}
