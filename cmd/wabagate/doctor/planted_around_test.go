package doctor_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/cmd/wabagate/doctor"
	"wabagate/fanout/deliver"
)

func TestPlantedAroundTheStores(t *testing.T) {
	t.Parallel()
	d := deploy(t)

	// A sound deployment: nothing is wrong, and the only warning is that nobody works yet.
	for _, f := range doctor.Run(t.Context(), d.Options) {
		if f.Check != "workers" {
			require.Equal(t, doctor.OK, f.Level, "%+v", f)
		}
	}

	// Clocks.
	d.Now = func() time.Time { return time.Now().Add(-time.Minute) }
	requireFound(t, d.finds("postgres clock"), doctor.Wrong, "ahead of this machine's")
	requireFound(t, d.finds("redis clock"), doctor.Wrong, "ahead of this machine's")
	d.Now = func() time.Time { return time.Now().Add(5 * time.Second) }
	requireFound(t, d.finds("postgres clock"), doctor.Warning, "behind this machine's")
	requireFound(t, d.finds("redis clock"), doctor.Warning, "behind this machine's")
	d.Now = nil

	// The guard.
	allow := func(list string) {
		t.Helper()
		var err error
		d.Allowed, err = deliver.ParseAllowed(list)
		require.NoError(t, err)
	}
	allow("10.20.0.0/16")
	requireFound(t, d.finds("egress guard"), doctor.Warning, "10.20.0.0/16")
	allow("169.254.0.0/16")
	requireFound(t, d.finds("egress guard"), doctor.Wrong, "169.254.169.254")
	allow("127.0.0.0/8")
	requireFound(t, d.finds("egress guard"), doctor.Wrong, "the stores at 127.0.0.1")
	allow("")
	d.AllowHTTP = true
	requireFound(t, d.finds("egress guard"), doctor.Warning, "unencrypted")
	d.AllowHTTP = false
	d.sound("egress guard")

	// Names.
	d.Upstreams = []string{"https://graph.invalid"}
	requireFound(t, d.finds("dns"), doctor.Warning, "graph.invalid does not resolve")
	d.Upstreams = []string{"https://example.com"}
	d.sound("dns")

	// The address that people use.
	sound := d.PublicURL
	d.PublicURL = "http://localhost:8080"
	requireFound(t, d.finds("public url"), doctor.Wrong, "leads nobody else here")
	d.PublicURL = "http://gateway.test"
	requireFound(t, d.finds("public url"), doctor.Wrong, "not encrypted")
	d.PublicURL = "https://gateway.invalid"
	requireFound(t, d.finds("public url health"), doctor.Warning, "not reached from here")
	d.PublicURL = "https://other.test:" + port(sound) // for which the certificate is not
	requireFound(t, d.finds("public url health"), doctor.Wrong, "refuses")
	other := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	d.PublicURL = "https://example.com:" + port(other.URL)
	requireFound(t, d.finds("public url health"), doctor.Wrong, "something else is there")
	d.PublicURL, d.Proxied = sound, false
	requireFound(t, d.finds("public url"), doctor.Warning, "WABAGATE_TRUSTED_PROXIES")
	d.Proxied = true
	d.sound("public url", "public url health")

	// Media.
	d.Media = func(context.Context) error { return errors.New("permission denied") }
	requireFound(t, d.finds("media"), doctor.Wrong, "permission denied")
}
