package validate

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binary builds the gateway, once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "wabagate-validate")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "wabagate")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/wabagate")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &buildError{string(out)}
	}
	return path, nil
})

type buildError struct{ output string }

func (e *buildError) Error() string { return "build the gateway: " + e.output }

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// accepts asks the gateway itself whether it takes an environment. The stores in it need not be there.
func accepts(t *testing.T, name string, environment map[string]string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "doctor", "--settings", "--json")
	for key, value := range environment {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	out, err := cmd.Output() // which fails when something is wrong
	var report struct {
		Findings []struct{ Check, Level, Says string }
	}
	if broken := json.Unmarshal(out, &report); broken != nil || len(report.Findings) == 0 {
		t.Fatalf("%s: %v, %v: %s", name, err, broken, out)
	}
	if f := report.Findings[0]; f.Check != "configuration" || f.Level != "ok" {
		t.Errorf("%s: %s", name, f.Says)
	}
}
