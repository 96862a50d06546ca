package deploy_test

import (
	"os/exec"
	"testing"
)

// The manifests and compose files are held against the types and loaders of their own tools, in a module of its own: see
// validate. Its modules are as much as the gateway's; without a network, and without a copy of them, the test is skipped.
func TestManifests(t *testing.T) {
	run := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = "validate"
		return cmd.CombinedOutput()
	}
	if out, err := run("mod", "download"); err != nil {
		t.Skipf("the modules that validate needs are not to be had: %v\n%s", err, out)
	}
	if out, err := run("test", "-count=1", "./..."); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
