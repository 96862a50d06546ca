package main

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/models/modelstest"
)

// Keys are rotated, and the master key is changed, beside a gateway that goes on.
func TestAdminRotateKeys(t *testing.T) {
	for name, env := range map[string]func(*testing.T) []string{
		"embedded": func(*testing.T) []string { return nil },
		"postgres": func(t *testing.T) []string { return []string{"DATABASE_URL=" + modelstest.PostgresURL(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			const first, second = "WABAGATE_MASTER_KEY=the first master key", "WABAGATE_MASTER_KEY=the second master key"
			p := newProcess(t, append(env(t), first))
			bare := p.env[:len(p.env)-1]
			p.start()
			made := p.bootstrap()
			id := p.subscribe(made, map[string]any{"name": "crm", "url": "http://127.0.0.1:1/", "events": []string{"*"}, "secret": "my secret"})
			secret := func() string {
				t.Helper()
				req, err := http.NewRequest(http.MethodGet, p.url()+"/api/client/webhooks/"+strconv.FormatInt(id, 10)+"/secret", nil)
				require.NoError(t, err)
				req.Header.Set("Authorization", "Bearer "+made.APIKey)
				res, err := http.DefaultClient.Do(req)
				require.NoError(t, err)
				defer func() { _ = res.Body.Close() }()
				body, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				return string(body)
			}
			const want = `{"secret":"my secret","previous_until":null}`
			require.Equal(t, want, secret())
			require.Equal(t, "data key 2 (new); secrets encrypted with it: 4; old keys removed: 1\n", string(p.run("admin", "rotate-keys")))
			require.Equal(t, want, secret())

			p.env = append(slices.Clone(bare), second, "WABAGATE_MASTER_KEY_PREVIOUS=the first master key")
			require.Equal(t, "data keys protected by WABAGATE_MASTER_KEY from now on: 1\ndata key 3 (new); secrets encrypted with it: 4; old keys removed: 1\n", string(p.run("admin", "rotate-keys")))
			p.env = append(slices.Clone(bare), second)
			p.kill()
			p.start()
			require.Equal(t, want, secret())
		})
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	tell := progressOf(&out, func() time.Time { return at })
	for i := range int64(30) {
		tell(models.KeyRotation{Resealed: 200 * i, Total: 6000})
		at = at.Add(100 * time.Millisecond)
	}
	require.Equal(t, "2000 of 6000 secrets\n4000 of 6000 secrets\n", out.String())
}
