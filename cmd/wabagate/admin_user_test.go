package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

// Users are made from a shell with a role, are shown, and the business's audit log says who did it.
func TestAdminUsers(t *testing.T) {
	t.Setenv("WABAGATE_DATA", t.TempDir())
	t.Setenv("DATABASE_URL", "")
	t.Setenv("REDIS_URL", "")
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := adminCommand()
		cmd.SetArgs(args)
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SilenceUsage = true
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := run(args...)
		require.NoError(t, err, out)
		return out
	}
	require.Equal(t, "business 1\n", must("business", "متجر"))
	require.Equal(t, "user 1\n", must("user", "ann@example.com", "--business", "1", "--password", "correct horse"))
	require.Equal(t, "user 2\n", must("user", "Bob@example.com", "--business", "1", "--password", "correct horse", "--role", "read-only", "--name", "Bob"))
	_, err := run("user", "c@example.com", "--business", "1", "--password", "correct horse", "--role", "king")
	require.ErrorContains(t, err, "--role king: the roles are owner, member, read-only")
	require.Equal(t, "password changed\n", must("password", "bob@example.com", "--password", "another horse"))
	must("key", "CI", "--business", "1")
	must("business", "Other")
	shown := must("users")
	for _, want := range []string{"business 1  متجر", "ann@example.com", "owner, operator", "Bob  read-only", "last login never", "business 2  Other"} {
		require.Contains(t, shown, want)
	}
	require.NotContains(t, must("users", "--business", "2"), "ann@example.com")

	// What they may do to the gateway as a whole is said apart, and noted where operations look.
	_, err = run("operator", "bob@example.com", "--role", "king")
	require.ErrorContains(t, err, "--role king: the roles of operations are operator, viewer, none")
	_, err = run("operator", "ann@example.com", "--role", "none")
	require.ErrorContains(t, err, "the last operator of the gateway stays")
	require.Equal(t, "bob@example.com is a viewer now\n", must("operator", "bob@example.com", "--role", "viewer"))
	require.Contains(t, must("users"), "Bob  read-only, viewer")
	require.Equal(t, "bob@example.com is an operator now\n", must("operator", "bob@example.com"))
	require.Equal(t, "ann@example.com is neither operator nor viewer now\n", must("operator", "ann@example.com", "--role", "none"))

	require.NoError(t, withStore(t.Context(), func(s *models.Store) error {
		ops, err := s.OperationsAudit(t.Context(), models.AuditFilter{})
		require.NoError(t, err)
		require.Len(t, ops, 3)
		require.Equal(t, []any{"operator.updated", "ann@example.com", []models.Change{{Field: "role", Before: "operator", After: ""}}}, []any{ops[0].Action, ops[0].Object.Name, ops[0].Changes})
		list, err := s.Audit(t.Context(), 1, models.AuditFilter{})
		require.NoError(t, err)
		var did []string
		for _, e := range list {
			require.Equal(t, models.AdminActor, e.Actor)
			did = append(did, e.Action+" "+e.Object.Name)
		}
		require.Equal(t, "key.created CI, user.password_changed Bob, user.created Bob, user.created ann@example.com, business.created متجر", strings.Join(did, ", "))
		ks, err := s.APIKeys(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, "wabagate admin", ks[0].CreatedBy)
		return nil
	}))
}
