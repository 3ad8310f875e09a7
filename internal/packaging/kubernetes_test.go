package packaging_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// manifests are the objects of a variant, by their types.
type manifests struct {
	secrets      []*corev1.Secret
	services     []*corev1.Service
	configs      []*corev1.ConfigMap
	ingresses    []*networkingv1.Ingress
	deployments  []*appsv1.Deployment
	statefulSets []*appsv1.StatefulSet
	budgets      []*policyv1.PodDisruptionBudget
}

// strictly decodes an object as Kubernetes does. A field that the type does not have is an error,
// as is one that stands twice.
func strictly(doc []byte, object any) error {
	text, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return err
	}
	mistakes, err := json.UnmarshalStrict(text, object)
	return errors.Join(append(mistakes, err)...)
}

// decode appends an object to its list.
func decode[T any](t *testing.T, doc []byte, list *[]*T) {
	t.Helper()
	object := new(T)
	require.NoError(t, strictly(doc, object), string(doc))
	*list = append(*list, object)
}

func (m *manifests) read(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../packaging/serve/kubernetes", name))
	require.NoError(t, err)
	for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var kind metav1.TypeMeta
		require.NoError(t, yaml.Unmarshal(doc, &kind))
		switch kind.APIVersion + " " + kind.Kind {
		case "v1 Secret":
			decode(t, doc, &m.secrets)
		case "v1 Service":
			decode(t, doc, &m.services)
		case "v1 ConfigMap":
			decode(t, doc, &m.configs)
		case "networking.k8s.io/v1 Ingress":
			decode(t, doc, &m.ingresses)
		case "apps/v1 Deployment":
			decode(t, doc, &m.deployments)
		case "apps/v1 StatefulSet":
			decode(t, doc, &m.statefulSets)
		case "policy/v1 PodDisruptionBudget":
			decode(t, doc, &m.budgets)
		default:
			t.Errorf("%s: %v is not known here", name, kind)
		}
	}
}

func variant(t *testing.T, name string) manifests {
	t.Helper()
	var m manifests
	m.read(t, "common.yaml")
	m.read(t, name)
	require.Len(t, m.secrets, 1)
	require.Len(t, m.services, 1)
	require.Len(t, m.configs, 1)
	require.Len(t, m.ingresses, 1)
	return m
}

func selects(t *testing.T, selector *metav1.LabelSelector, pod map[string]string) {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	require.NoError(t, err)
	require.False(t, s.Empty())
	assert.True(t, s.Matches(labels.Set(pod)), "%v selects %v", s, pod)
}

func TestTheDeploymentHasTwoGatewaysAndKeepsOne(t *testing.T) {
	m := variant(t, "postgres.yaml")
	require.Len(t, m.deployments, 1)
	require.Len(t, m.budgets, 1)
	d := m.deployments[0]
	assert.EqualValues(t, 2, *d.Spec.Replicas)
	assert.Zero(t, d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue())
	assert.Equal(t, 1, m.budgets[0].Spec.MinAvailable.IntValue())
	selects(t, d.Spec.Selector, d.Spec.Template.Labels)
	selects(t, m.budgets[0].Spec.Selector, d.Spec.Template.Labels)
	checkPod(t, m, d.Spec.Template, nil)
}

func TestTheStatefulSetHasOneGatewayWithAVolume(t *testing.T) {
	m := variant(t, "sqlite.yaml")
	require.Len(t, m.statefulSets, 1)
	s := m.statefulSets[0]
	assert.EqualValues(t, 1, *s.Spec.Replicas)
	assert.Equal(t, m.services[0].Name, s.Spec.ServiceName)
	selects(t, s.Spec.Selector, s.Spec.Template.Labels)
	require.Len(t, s.Spec.VolumeClaimTemplates, 1)
	claim := s.Spec.VolumeClaimTemplates[0]
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	assert.Positive(t, size.Value())
	checkPod(t, m, s.Spec.Template, []string{claim.Name})

	mounts := s.Spec.Template.Spec.Containers[0].VolumeMounts
	at := slices.IndexFunc(mounts, func(v corev1.VolumeMount) bool { return v.Name == claim.Name })
	require.GreaterOrEqual(t, at, 0)
	assert.Contains(t, m.configs[0].Data["tghook.yaml"], "storage: {path: "+mounts[at].MountPath+",")
	assert.False(t, mounts[at].ReadOnly)
}

// checkPod checks a pod, and that what it names exists.
func checkPod(t *testing.T, m manifests, pod corev1.PodTemplateSpec, volumes []string) {
	t.Helper()
	selects(t, &metav1.LabelSelector{MatchLabels: m.services[0].Spec.Selector}, pod.Labels)
	spec := pod.Spec
	assert.False(t, *spec.AutomountServiceAccountToken)
	assert.True(t, *spec.SecurityContext.RunAsNonRoot)
	assert.EqualValues(t, 65532, *spec.SecurityContext.RunAsUser, "the user of the image")
	assert.EqualValues(t, 65532, *spec.SecurityContext.FSGroup)
	require.Len(t, spec.Containers, 1)
	c := spec.Containers[0]
	assert.Equal(t, []string{"serve", "--config", "/etc/tghook/tghook.yaml"}, c.Args)
	assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	assert.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)

	// The gateway needs ten seconds at most, after preStop.
	assert.GreaterOrEqual(t, *spec.TerminationGracePeriodSeconds, c.Lifecycle.PreStop.Sleep.Seconds+12)

	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	config := m.configs[0].Data["tghook.yaml"]
	assert.Contains(t, config, "\nlisten: 0.0.0.0:8080\n")
	assert.Contains(t, config, "\nstatus: {listen: 0.0.0.0:9090}\n")
	assert.Equal(t, map[string]int32{"webhooks": 8080, "status": 9090}, ports)
	assert.Equal(t, "/healthz", c.LivenessProbe.HTTPGet.Path)
	assert.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
	assert.Equal(t, "status", c.LivenessProbe.HTTPGet.Port.StrVal)
	assert.Equal(t, "status", c.ReadinessProbe.HTTPGet.Port.StrVal)
	require.Len(t, m.services[0].Spec.Ports, 1, "the status port is for the cluster's pods alone")
	service := m.services[0].Spec.Ports[0]
	assert.Equal(t, "webhooks", service.TargetPort.StrVal)
	checkIngress(t, m.ingresses[0], m.services[0])

	for _, v := range spec.Volumes {
		volumes = append(volumes, v.Name)
		switch {
		case v.ConfigMap != nil:
			assert.Equal(t, m.configs[0].Name, v.ConfigMap.Name)
		case v.Secret != nil:
			assert.Equal(t, m.secrets[0].Name, v.Secret.SecretName)
			assert.EqualValues(t, 0o440, *v.Secret.DefaultMode, "for the group of fsGroup")
		default:
			t.Errorf("volume %s", v.Name)
		}
	}
	for _, mount := range c.VolumeMounts {
		assert.Contains(t, volumes, mount.Name)
		assert.Empty(t, mount.SubPath, "a change does not reach a file that is mounted by itself")
	}
}

func checkIngress(t *testing.T, ingress *networkingv1.Ingress, service *corev1.Service) {
	t.Helper()
	require.Len(t, ingress.Spec.Rules, 1)
	rule := ingress.Spec.Rules[0]
	require.Len(t, ingress.Spec.TLS, 1)
	assert.Equal(t, []string{rule.Host}, ingress.Spec.TLS[0].Hosts)
	require.Len(t, rule.HTTP.Paths, 1)
	path := rule.HTTP.Paths[0]
	assert.Equal(t, "/bots/", path.Path)
	assert.Equal(t, service.Name, path.Backend.Service.Name)
	assert.Equal(t, service.Spec.Ports[0].Name, path.Backend.Service.Port.Name)
}

// The check itself can fail.
func TestAnUnknownFieldIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"imagePullPolice": "spec: {containers: [{name: a, imagePullPolice: Always}]}",
		"ImagePullPolicy": "spec: {containers: [{name: a, ImagePullPolicy: Always}]}",
		"already set":     "spec: {containers: [{name: a, name: b}]}",
	} {
		require.ErrorContains(t, strictly([]byte(text), new(corev1.Pod)), name)
	}
}
