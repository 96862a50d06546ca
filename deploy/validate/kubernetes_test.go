package validate

import (
	"slices"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// cluster is what an overlay makes.
type cluster struct {
	deployments []*apps.Deployment
	stateful    []*apps.StatefulSet
	jobs        []*batch.Job
	services    map[string]*core.Service
	configs     map[string]*core.ConfigMap
	secrets     map[string]*core.Secret
	claims      map[string]bool
	ingresses   []*networking.Ingress
	policies    []*networking.NetworkPolicy
	budgets     []*policy.PodDisruptionBudget
	scalers     []*autoscaling.HorizontalPodAutoscaler
}

// build does what kubectl kustomize does, and reads each result strictly: a field that Kubernetes does not know is an error.
func build(t *testing.T, dir string) *cluster {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{services: map[string]*core.Service{}, configs: map[string]*core.ConfigMap{}, secrets: map[string]*core.Secret{}, claims: map[string]bool{}}
	for _, r := range made.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		what := r.GetGvk().String() + " " + r.GetName()
		if ns := r.GetNamespace(); ns != "wabagate" && r.GetKind() != "Namespace" {
			t.Errorf("%s is in the namespace %q", what, ns)
		}
		read := func(into any) {
			if err := yaml.UnmarshalStrict(text, into); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		switch r.GetApiVersion() + " " + r.GetKind() {
		case "v1 Namespace":
			read(new(core.Namespace))
		case "v1 ServiceAccount":
			read(new(core.ServiceAccount))
		case "v1 Service":
			s := new(core.Service)
			read(s)
			c.services[s.Name] = s
		case "v1 ConfigMap":
			s := new(core.ConfigMap)
			read(s)
			c.configs[s.Name] = s
		case "v1 Secret":
			s := new(core.Secret)
			read(s)
			c.secrets[s.Name] = s
		case "v1 PersistentVolumeClaim":
			s := new(core.PersistentVolumeClaim)
			read(s)
			c.claims[s.Name] = true
		case "apps/v1 Deployment":
			d := new(apps.Deployment)
			read(d)
			c.deployments = append(c.deployments, d)
		case "apps/v1 StatefulSet":
			s := new(apps.StatefulSet)
			read(s)
			c.stateful = append(c.stateful, s)
		case "batch/v1 Job":
			j := new(batch.Job)
			read(j)
			c.jobs = append(c.jobs, j)
		case "networking.k8s.io/v1 Ingress":
			i := new(networking.Ingress)
			read(i)
			c.ingresses = append(c.ingresses, i)
		case "networking.k8s.io/v1 NetworkPolicy":
			n := new(networking.NetworkPolicy)
			read(n)
			c.policies = append(c.policies, n)
		case "policy/v1 PodDisruptionBudget":
			b := new(policy.PodDisruptionBudget)
			read(b)
			c.budgets = append(c.budgets, b)
		case "autoscaling/v2 HorizontalPodAutoscaler":
			h := new(autoscaling.HorizontalPodAutoscaler)
			read(h)
			c.scalers = append(c.scalers, h)
		default:
			t.Errorf("%s is of a kind that nobody checks", what)
		}
	}
	return c
}

var overlays = []string{"trial", "production"}

func TestKubernetes(t *testing.T) {
	for _, overlay := range overlays {
		t.Run(overlay, func(t *testing.T) {
			c := build(t, "../kubernetes/overlays/"+overlay)
			if len(c.deployments) != 3 || len(c.jobs) != 1 || len(c.budgets) != 3 || len(c.scalers) != 3 {
				t.Fatalf("%d deployments, %d jobs, %d budgets, %d scalers", len(c.deployments), len(c.jobs), len(c.budgets), len(c.scalers))
			}
			for _, d := range c.deployments {
				checkSelector(t, d.Name, d.Spec.Selector, d.Spec.Template.Labels)
				checkPod(t, c, overlay, d.Name, d.Spec.Template.Spec)
				checkServing(t, d.Name, d.Spec.Template.Spec)
			}
			for _, s := range c.stateful {
				checkSelector(t, s.Name, s.Spec.Selector, s.Spec.Template.Labels)
				checkSecurity(t, s.Name, s.Spec.Template.Spec)
			}
			checkPod(t, c, overlay, "migrate", c.jobs[0].Spec.Template.Spec)
			checkReferences(t, c)
		})
	}
}

func checkSelector(t *testing.T, name string, s *meta.LabelSelector, have map[string]string) {
	t.Helper()
	if selector, err := meta.LabelSelectorAsSelector(s); err != nil || !selector.Matches(labels.Set(have)) {
		t.Errorf("%s does not select its own pods: %v", name, err)
	}
}

// checkSecurity is the restricted standard for pods.
func checkSecurity(t *testing.T, name string, pod core.PodSpec) {
	t.Helper()
	p := pod.SecurityContext
	if p == nil || p.RunAsNonRoot == nil || !*p.RunAsNonRoot || p.SeccompProfile == nil || p.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s may run as root or make any call", name)
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Errorf("%s has a token for Kubernetes", name)
	}
	for _, one := range pod.Containers {
		s := one.SecurityContext
		if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL") {
			t.Errorf("%s may gain privileges", name)
		}
		if one.Resources.Requests.Memory().IsZero() || one.Resources.Requests.Cpu().IsZero() || one.Resources.Limits.Memory().IsZero() {
			t.Errorf("%s does not say what it needs", name)
		}
	}
}

// checkPod checks one of the gateway's.
func checkPod(t *testing.T, c *cluster, overlay, name string, pod core.PodSpec) {
	t.Helper()
	checkSecurity(t, name, pod)
	one := pod.Containers[0]
	if s := one.SecurityContext; s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
		t.Errorf("%s may write into its image", name)
	}
	if _, tag, ok := strings.Cut(one.Image, ":"); !ok || tag == "latest" {
		t.Errorf("%s runs any version: %s", name, one.Image)
	}
	for _, v := range pod.Volumes {
		if v.PersistentVolumeClaim != nil && !c.claims[v.PersistentVolumeClaim.ClaimName] {
			t.Errorf("%s wants the claim %s, which is not there", name, v.PersistentVolumeClaim.ClaimName)
		}
	}
	// What production's Secret holds is made apart; what it has to hold is said there.
	environment := map[string]string{"DATABASE_URL": "postgres://u:p@db/wabagate", "REDIS_URL": "redis://redis:6379/0", "WABAGATE_MASTER_KEY": "0123456789abcdef"}
	for _, from := range one.EnvFrom {
		switch {
		case from.ConfigMapRef != nil && c.configs[from.ConfigMapRef.Name] != nil:
			for key, value := range c.configs[from.ConfigMapRef.Name].Data {
				environment[key] = value
			}
		case from.SecretRef != nil && c.secrets[from.SecretRef.Name] != nil:
			for key, value := range c.secrets[from.SecretRef.Name].Data {
				environment[key] = string(value)
			}
		case from.SecretRef != nil && from.SecretRef.Name == "wabagate" && overlay == "production":
		default:
			t.Errorf("%s takes its environment from what is not there: %+v", name, from)
		}
	}
	accepts(t, name, environment)
	if grace, err := time.ParseDuration(environment["WABAGATE_GRACE"]); pod.TerminationGracePeriodSeconds != nil {
		pause := time.Duration(0)
		if l := one.Lifecycle; l != nil && l.PreStop != nil && l.PreStop.Sleep != nil {
			pause = time.Duration(l.PreStop.Sleep.Seconds) * time.Second
		}
		if has := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; err != nil || has <= grace+pause {
			t.Errorf("%s is killed after %s, and may take %s + %s", name, has, pause, grace)
		}
	}
}

// checkServing checks what serves.
func checkServing(t *testing.T, name string, pod core.PodSpec) {
	t.Helper()
	one := pod.Containers[0]
	role := strings.TrimPrefix(name, "wabagate-")
	if !slices.Equal(one.Args, []string{"serve", "--roles", role}) {
		t.Errorf("%s runs %v", name, one.Args)
	}
	if len(pod.TopologySpreadConstraints) != 2 || pod.TopologySpreadConstraints[1].LabelSelector == nil || pod.TerminationGracePeriodSeconds == nil {
		t.Errorf("%s is not spread over machines, or is killed early", name)
	}
	ready := "/readyz"
	if role == "ingress" {
		ready = "/healthz" // without the database, too
	}
	for what, probe := range map[string]struct {
		*core.Probe
		path string
	}{"startup": {one.StartupProbe, "/healthz"}, "liveness": {one.LivenessProbe, "/healthz"}, "readiness": {one.ReadinessProbe, ready}} {
		if probe.Probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != probe.path || !hasPort(one, probe.HTTPGet.Port.String()) {
			t.Errorf("%s: the %s probe does not ask %s", name, what, probe.path)
		}
	}
}

func hasPort(c core.Container, name string) bool {
	return slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool { return p.Name == name })
}

// checkReferences follows every name to what it names.
func checkReferences(t *testing.T, c *cluster) {
	t.Helper()
	for _, s := range c.services {
		found := false
		for _, d := range c.deployments {
			if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(d.Spec.Template.Labels)) {
				found = true
				for _, p := range s.Spec.Ports {
					if !hasPort(d.Spec.Template.Spec.Containers[0], p.TargetPort.String()) {
						t.Errorf("service %s leads to a port that %s has not", s.Name, d.Name)
					}
				}
			}
		}
		for _, d := range c.stateful {
			found = found || labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(d.Spec.Template.Labels))
		}
		if !found {
			t.Errorf("service %s leads nowhere", s.Name)
		}
	}
	for _, i := range c.ingresses {
		for _, p := range i.Spec.Rules[0].HTTP.Paths {
			s := c.services[p.Backend.Service.Name]
			if s == nil || !slices.ContainsFunc(s.Spec.Ports, func(port core.ServicePort) bool { return port.Name == p.Backend.Service.Port.Name }) {
				t.Errorf("%s leads to the service %s, which is not there", i.Name, p.Backend.Service.Name)
			}
		}
		if len(i.Spec.TLS) == 0 || i.Spec.TLS[0].Hosts[0] != i.Spec.Rules[0].Host {
			t.Errorf("%s is not encrypted", i.Name)
		}
	}
	named := func(name string) bool {
		return slices.ContainsFunc(c.deployments, func(d *apps.Deployment) bool { return d.Name == name })
	}
	for _, h := range c.scalers {
		if !named(h.Spec.ScaleTargetRef.Name) || h.Spec.MinReplicas == nil || *h.Spec.MinReplicas < 2 {
			t.Errorf("%s scales what is not there, or down to one", h.Name)
		}
	}
	for _, b := range c.budgets {
		selector, err := meta.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || !slices.ContainsFunc(c.deployments, func(d *apps.Deployment) bool { return selector.Matches(labels.Set(d.Spec.Template.Labels)) }) {
			t.Errorf("%s protects nothing: %v", b.Name, err)
		}
	}
}

// What takes callbacks calls nobody but the stores; what delivers reaches the internet, and nothing private.
func TestNetworkPolicies(t *testing.T) {
	for _, overlay := range overlays {
		c := build(t, "../kubernetes/overlays/"+overlay)
		for role, wants := range map[string]bool{"ingress": false, "api": true, "worker": true, "migrate": false} {
			pod := labels.Set{"app.kubernetes.io/name": "wabagate", "app.kubernetes.io/component": role}
			internet, stores, denied := false, false, false
			for _, p := range c.policies {
				selector, err := meta.LabelSelectorAsSelector(&p.Spec.PodSelector)
				if err != nil {
					t.Fatal(err)
				}
				if !selector.Matches(pod) {
					continue
				}
				denied = denied || len(p.Spec.PolicyTypes) == 2 && p.Spec.Egress == nil && p.Spec.Ingress == nil
				for _, e := range p.Spec.Egress {
					for _, port := range e.Ports {
						stores = stores || port.Port.IntValue() == 5432
					}
					for _, to := range e.To {
						if b := to.IPBlock; b != nil && b.CIDR == "0.0.0.0/0" {
							internet = true
							for _, private := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"} {
								if !slices.Contains(b.Except, private) {
									t.Errorf("%s: %s reaches %s", overlay, role, private)
								}
							}
						}
					}
				}
			}
			if !denied || !stores || internet != wants {
				t.Errorf("%s: %s: everything else is denied %v, the stores are reached %v, the internet %v", overlay, role, denied, stores, internet)
			}
		}
	}
}
