package test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/conf"
)

// deployment is the part of apps/v1 Deployment that deploy/kubernetes uses, with the names and
// types of Kubernetes's API reference. It is read strictly: a misspelt field, or one in the wrong
// place, is an error.
type deployment struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   metadata `yaml:"metadata"`
	Spec       struct {
		Replicas int `yaml:"replicas"`
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		} `yaml:"selector"`
		Template struct {
			Metadata metadata `yaml:"metadata"`
			Spec     podSpec  `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

type metadata struct {
	Name        string            `yaml:"name"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

type podSpec struct {
	AutomountServiceAccountToken *bool `yaml:"automountServiceAccountToken"`
	SecurityContext              struct {
		RunAsNonRoot   bool  `yaml:"runAsNonRoot"`
		RunAsUser      int64 `yaml:"runAsUser"`
		RunAsGroup     int64 `yaml:"runAsGroup"`
		FSGroup        int64 `yaml:"fsGroup"`
		SeccompProfile struct {
			Type string `yaml:"type"`
		} `yaml:"seccompProfile"`
		Sysctls []struct {
			Name  string `yaml:"name"`
			Value string `yaml:"value"`
		} `yaml:"sysctls"`
	} `yaml:"securityContext"`
	Containers []container `yaml:"containers"`
	Volumes    []volume    `yaml:"volumes"`
}

type container struct {
	Name            string   `yaml:"name"`
	Image           string   `yaml:"image"`
	ImagePullPolicy string   `yaml:"imagePullPolicy"`
	Args            []string `yaml:"args"`
	Ports           []struct {
		Name          string `yaml:"name"`
		ContainerPort int    `yaml:"containerPort"`
	} `yaml:"ports"`
	SecurityContext struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct {
			Add  []string `yaml:"add"`
			Drop []string `yaml:"drop"`
		} `yaml:"capabilities"`
	} `yaml:"securityContext"`
	ReadinessProbe struct {
		Exec struct {
			Command []string `yaml:"command"`
		} `yaml:"exec"`
		PeriodSeconds  int `yaml:"periodSeconds"`
		TimeoutSeconds int `yaml:"timeoutSeconds"`
	} `yaml:"readinessProbe"`
	Resources struct {
		Requests map[string]string `yaml:"requests"`
		Limits   map[string]string `yaml:"limits"`
	} `yaml:"resources"`
	VolumeMounts []struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type volume struct {
	Name     string `yaml:"name"`
	EmptyDir *struct {
		SizeLimit string `yaml:"sizeLimit"`
	} `yaml:"emptyDir"`
	Secret *struct {
		SecretName  string `yaml:"secretName"`
		DefaultMode int    `yaml:"defaultMode"`
	} `yaml:"secret"`
}

const manifest = "../deploy/kubernetes/connector.yaml"

func TestKubernetesConnector(t *testing.T) {
	var d deployment
	if err := conf.Load(manifest, &d); err != nil {
		t.Fatal(err)
	}
	pod := d.Spec.Template.Spec
	if d.APIVersion != "apps/v1" || d.Kind != "Deployment" || d.Spec.Replicas < 2 || len(pod.Containers) != 1 {
		t.Fatalf("%+v", d)
	}
	for k, v := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Metadata.Labels[k] != v {
			t.Errorf("the selector's %s=%s is no label of the pods", k, v)
		}
	}
	s, c := pod.SecurityContext, pod.Containers[0]
	if !s.RunAsNonRoot || s.RunAsUser == 0 || s.SeccompProfile.Type != "RuntimeDefault" || len(s.Sysctls) != 1 || s.Sysctls[0].Name != "net.ipv4.ping_group_range" {
		t.Errorf("pod: %+v", s)
	}
	escalation := c.SecurityContext.AllowPrivilegeEscalation
	if escalation == nil || *escalation || !c.SecurityContext.ReadOnlyRootFilesystem || len(c.SecurityContext.Capabilities.Add) > 0 ||
		!slices.Equal(c.SecurityContext.Capabilities.Drop, []string{"ALL"}) {
		t.Errorf("container: %+v", c.SecurityContext)
	}
	if got := strings.Join(c.ReadinessProbe.Exec.Command, " "); got != "oneping connector status --ready" {
		t.Errorf("readiness: %q", got)
	}
	if port := d.Spec.Template.Metadata.Annotations["prometheus.io/port"]; len(c.Ports) != 1 || port != strconv.Itoa(c.Ports[0].ContainerPort) ||
		!slices.Contains(c.Args, ":"+port) {
		t.Errorf("scraped at port %q, served at %v by %q", port, c.Ports, c.Args)
	}
	var volumes []string
	for _, v := range pod.Volumes {
		volumes = append(volumes, v.Name)
		if (v.EmptyDir == nil) == (v.Secret == nil) {
			t.Errorf("volume %s has one source", v.Name)
		}
	}
	for _, m := range c.VolumeMounts {
		if !slices.Contains(volumes, m.Name) {
			t.Errorf("%s is no volume", m.Name)
		}
	}
}

// TestKubernetesMisspelt is the test of the test.
func TestKubernetesMisspelt(t *testing.T) {
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	for right, wrong := range map[string]string{"readOnlyRootFilesystem": "readonlyRootFilesystem", "readinessProbe": "readynessProbe", "replicas: 2": "replicas: two"} {
		if err := conf.Parse(manifest, []byte(strings.Replace(string(text), right, wrong, 1)), new(deployment)); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}
