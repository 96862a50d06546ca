package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models/modelstest"
)

// What was acknowledged and not delivered when the backup was made is delivered from the restored database, by a gateway
// with an empty Redis; with another master key nothing starts.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"pg_dump", "pg_restore", "psql"} {
		_, err := exec.LookPath(program)
		require.NoError(t, err, "install postgresql-client")
	}
	lost := modelstest.PostgresURL(t)
	key := "WABAGATE_MASTER_KEY=the master key of this deployment"
	before := newProcess(t, []string{"DATABASE_URL=" + lost, "REDIS_URL=" + fanouttest.RedisURL(t), key}, "--roles", "ingress,api")
	before.start()
	made := before.bootstrap()
	receiver := fanouttest.NewReceiver(t, nil)
	before.subscribe(made, map[string]any{"name": "CRM", "url": receiver.URL, "events": []string{"message.received"}})
	const callbacks = 25
	for i := range callbacks {
		status, err := postSigned(t.Context(), before.url()+"/webhooks/cloud/a", testSecret, textCallback(testPNID, "15550177001", fmt.Sprintf("wamid.backup%d", i), "hello"))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}

	file := filepath.Join(t.TempDir(), "wabagate.dump")
	script := func(name, database string) (string, error) {
		cmd := exec.Command("../../deploy/backup/"+name, file)
		cmd.Env = append(os.Environ(), "DATABASE_URL="+database)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := script("backup.sh", lost)
	require.NoError(t, err, out)
	before.kill()
	require.Empty(t, receiver.Got(), "there was no worker")

	out, err = script("restore.sh", lost)
	require.Error(t, err)
	require.Contains(t, out, "is not empty")
	restored := modelstest.EmptyPostgresURL(t)
	out, err = script("restore.sh", restored)
	require.NoError(t, err, out)

	stranger := newProcess(t, []string{"DATABASE_URL=" + restored, "REDIS_URL=" + fanouttest.RedisURL(t), "WABAGATE_MASTER_KEY=quite another master key"})
	cmd := exec.Command(stranger.path, "serve")
	cmd.Env = stranger.env
	said, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), "WABAGATE_MASTER_KEY is not the key")

	after := newProcess(t, []string{"DATABASE_URL=" + restored, "REDIS_URL=" + fanouttest.RedisURL(t), key})
	after.start()
	receiver.Wait(t, callbacks, 30*time.Second)
	status, err := postSigned(t.Context(), after.url()+"/webhooks/cloud/a", testSecret, textCallback(testPNID, "15550177001", "wamid.after", "hello again"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	receiver.Wait(t, callbacks+1, 30*time.Second)
	for id, n := range receiver.Counts() {
		require.Equal(t, 1, n, id)
	}
}
