package listen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// State is what one run leaves to the next: where to go on, and what the receiver knows listen by.
type State struct {
	URL     string `json:"url"`   // of the gateway
	Place   string `json:"place"` // after the last event that is done
	Secret  string `json:"secret,omitempty"`
	Forward string `json:"forward,omitempty"`
	Dialect string `json:"dialect,omitempty"`
}

// readState reads a state; that of a file that is not there yet is empty.
func readState(path string) (State, error) {
	var s State
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return s, fmt.Errorf("--state: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil || s.URL == "" {
		return s, fmt.Errorf("--state %s is not a file of wabagate listen: name another, or delete it to begin anew", path)
	}
	return s, nil
}

// write replaces the file as a whole: a run that is killed leaves the state before or the one after. It holds a secret.
func (s State) write(path string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // for its owner alone
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("--state: %w", err)
	}
	return nil
}
