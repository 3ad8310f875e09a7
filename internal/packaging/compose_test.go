package packaging_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// load reads Compose files as docker compose does, with its schema and its checks.
func load(t *testing.T, names ...string) *types.Project {
	t.Helper()
	paths := make([]string, len(names))
	for i, name := range names {
		var err error
		paths[i], err = filepath.Abs(filepath.Join("../../packaging/serve/compose", name))
		require.NoError(t, err)
	}
	options, err := cli.NewProjectOptions(paths, cli.WithDiscardEnvFile)
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func TestComposeStartsTheGatewayAndABot(t *testing.T) {
	project := load(t, "compose.yaml")
	require.ElementsMatch(t, []string{"tghook", "shop"}, project.ServiceNames())
	for name, s := range project.Services {
		assert.True(t, s.ReadOnly, name)
		assert.Equal(t, []string{"ALL"}, s.CapDrop, name)
		assert.Equal(t, []string{"no-new-privileges:true"}, s.SecurityOpt, name)
		assert.Equal(t, "unless-stopped", s.Restart, name)
		for _, p := range s.Ports {
			assert.Equal(t, "127.0.0.1", p.HostIP, "%s: port %d is open to the network", name, p.Target)
		}
	}
	require.Greater(t, time.Duration(*project.Services["tghook"].StopGracePeriod), 12*time.Second)
	checkMounts(t, project)
	checkSecrets(t, project)

	bot := project.Services["shop"]
	config := readConfig(t, "tghook.yaml")
	assert.Contains(t, config, "http://shop:"+*bot.Environment["PORT"]+"/telegram")
	assert.Equal(t, "/run/secrets/shop-secret", *bot.Environment["BOT_SECRET_FILE"])
}

func TestComposeWithPostgreSQL(t *testing.T) {
	project := load(t, "compose.yaml", "postgres.yaml")
	require.ElementsMatch(t, []string{"tghook", "shop", "db"}, project.ServiceNames())
	gateway := project.Services["tghook"]
	assert.Equal(t, types.ShellCommand{"serve", "--config", "/etc/tghook/postgres.yaml"}, gateway.Command)
	assert.Equal(t, types.ServiceConditionHealthy, gateway.DependsOn["db"].Condition)
	assert.NotNil(t, project.Services["db"].HealthCheck)
	checkMounts(t, project)
	checkSecrets(t, project)

	// The two configurations differ in the storage alone.
	one, two := readConfig(t, "tghook.yaml"), readConfig(t, "postgres.yaml")
	assert.Equal(t, strings.Replace(one, "storage: {path: /var/lib/tghook}", "storage: {postgres: {file: /run/secrets/database-url}}", 1), two)
}

func readConfig(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../packaging/serve/compose/config", name))
	require.NoError(t, err)
	return string(text)
}

// checkMounts checks that what is mounted from the host exists, and cannot be written.
func checkMounts(t *testing.T, project *types.Project) {
	t.Helper()
	for name, s := range project.Services {
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				assert.Contains(t, project.Volumes, v.Source, name)
				continue
			}
			_, err := os.Stat(v.Source)
			require.NoError(t, err, name)
			assert.True(t, v.ReadOnly, "%s: %s", name, v.Target)
		}
	}
}

// checkSecrets checks that every secret comes from a file, because a container that cannot be
// written takes no others, and that the comments say how to make it.
func checkSecrets(t *testing.T, project *types.Project) {
	t.Helper()
	var comments strings.Builder
	for _, name := range project.ComposeFiles {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		comments.Write(text)
	}
	var used []string
	for _, s := range project.Services {
		for _, secret := range s.Secrets {
			used = append(used, secret.Source)
		}
	}
	for name, secret := range project.Secrets {
		assert.NotEmpty(t, secret.File, name)
		assert.Contains(t, comments.String(), "> secrets/"+name+"\n")
		assert.True(t, slices.Contains(used, name), name)
	}
}
