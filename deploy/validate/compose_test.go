package validate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// variants are the combinations of files that are documented.
var variants = map[string][]string{
	"one Redis": {"compose.yaml"},
	"Sentinel":  {"compose.yaml", "compose.sentinel.yaml"},
	"Cluster":   {"compose.yaml", "compose.cluster.yaml"},
}

// load reads a combination as docker compose config does, in an empty environment.
func load(t *testing.T, files []string) *types.Project {
	t.Helper()
	var paths []string
	for _, f := range files {
		paths = append(paths, filepath.Join("..", f))
	}
	o, err := cli.NewProjectOptions(paths, cli.WithEnv(nil), cli.WithResolvedPaths(true), cli.WithConsistency(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompose(t *testing.T) {
	for name, files := range variants {
		t.Run(name, func(t *testing.T) {
			p := load(t, files)
			for _, needed := range []string{"postgres", "migrate", "serve", "prometheus", "grafana"} {
				if _, ok := p.Services[needed]; !ok {
					t.Errorf("there is no service %s", needed)
				}
			}
			for name, s := range p.Services {
				for other := range s.DependsOn {
					if d := p.Services[other]; s.DependsOn[other].Condition == types.ServiceConditionHealthy && d.HealthCheck == nil {
						t.Errorf("%s waits for the health of %s, which has no check", name, other)
					}
				}
				for _, v := range s.Volumes {
					if v.Type != types.VolumeTypeBind {
						continue
					}
					if _, err := os.Stat(v.Source); err != nil {
						t.Errorf("%s mounts what is not there: %v", name, err)
					}
				}
				if s.Build == nil && !strings.Contains(s.Image, ":") {
					t.Errorf("%s runs any version of %s", name, s.Image)
				}
				if s.Build != nil {
					checkContainer(t, name, s)
				}
			}
		})
	}
}

// checkContainer: what is built here needs nothing of the machine.
func checkContainer(t *testing.T, name string, s types.ServiceConfig) {
	t.Helper()
	if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || s.Privileged {
		t.Errorf("%s could change more than it has to", name)
	}
	if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil {
		t.Errorf("%s is built from what is not there: %v", name, err)
	}
	if name == "serve" && (s.StopGracePeriod == nil || s.StopGracePeriod.String() != "45s") {
		t.Error("serve is killed before a delivery in flight has ended")
	}
	// Every address in the settings is a service's.
	environment := map[string]string{}
	for key, value := range s.Environment {
		if value != nil {
			environment[key] = *value
		}
	}
	accepts(t, name, environment)
}

func TestComposeRedis(t *testing.T) {
	for name, files := range variants {
		p := load(t, files)
		address := *p.Services["serve"].Environment["REDIS_URL"]
		hosts := strings.TrimPrefix(address, "redis://")
		hosts, _, _ = strings.Cut(hosts, "/")
		for host := range strings.SplitSeq(hosts, ",") {
			host, _, _ = strings.Cut(host, ":")
			if _, ok := p.Services[host]; !ok {
				t.Errorf("%s: REDIS_URL names %s, and there is no such service", name, host)
			}
		}
		for service, s := range p.Services {
			command := strings.Join(append(slices.Clone(s.Entrypoint), s.Command...), " ")
			if s.Image != "redis:7" || strings.Contains(command, "sentinel") || strings.Contains(command, "--cluster create") {
				continue
			}
			for _, part := range []string{"--appendonly yes", "--maxmemory-policy noeviction"} {
				if !strings.Contains(command, part) {
					t.Errorf("%s: %s lacks %s", name, service, part)
				}
			}
		}
	}
}
