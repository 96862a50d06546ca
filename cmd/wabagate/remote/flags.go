package remote

import (
	"cmp"
	"os"

	"github.com/spf13/cobra"

	"wabagate/cmd/wabagate/complete"
	"wabagate/models"
)

// The environment variables that hold the address and the key when flags do not.
const (
	URLVariable = "WABAGATE_URL"
	KeyVariable = "WABAGATE_KEY"
	// formerKeyVariable is what KeyVariable was called before; it is still read.
	formerKeyVariable = "WABAGATE_API_KEY"
)

// Variables are those of this package: the gateway's own settings begin alike.
func Variables() []string { return []string{URLVariable, KeyVariable, formerKeyVariable} }

// DefaultURL is where a gateway is looked for that nobody named.
const DefaultURL = "http://127.0.0.1:8080"

// Flags are --url and --key of a command.
type Flags struct{ url, key string }

// Add gives the flags to a command and to those below it.
func (f *Flags) Add(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&f.url, "url", "", "address of the gateway (default what "+URLVariable+" holds, else "+DefaultURL+")")
	cmd.PersistentFlags().StringVar(&f.key, "key", "", "API key of the business (default what "+KeyVariable+" holds; better there, where no list of processes shows it)")
	complete.Flag(cmd, "url", complete.Nothing)
	complete.Flag(cmd, "key", complete.Nothing)
}

// AddFormer keeps the name that --url had before.
func (f *Flags) AddFormer(cmd *cobra.Command, name string) {
	cmd.PersistentFlags().StringVar(&f.url, name, "", "the same as --url")
	_ = cmd.PersistentFlags().MarkHidden(name)
}

// Client speaks to the gateway that the flags and the environment name.
func (f *Flags) Client(agent string) (*Client, error) {
	key := cmp.Or(f.key, os.Getenv(KeyVariable), os.Getenv(formerKeyVariable))
	return New(cmp.Or(f.url, os.Getenv(URLVariable), DefaultURL), models.Secret(key), agent)
}
