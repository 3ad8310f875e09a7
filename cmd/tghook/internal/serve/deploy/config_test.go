package deploy_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// secrets are those that the files name.
var secrets = map[string]string{
	"shop-token":   "7244100913:AAGd8Ylw1yVvXgGxP3mZJp0Gk2sJ4aQy8bE",
	"shop-secret":  "a-secret-of-the-bot-itself",
	"database-url": "postgres://tghook:password@db/tghook",
}

// load loads a configuration whose secrets are in a folder. They are put into another folder.
func load(t *testing.T, text, folder string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for name, secret := range secrets {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(secret), 0o600))
	}
	require.Contains(t, text, "{file: "+folder+"/shop-token}")
	text = strings.ReplaceAll(text, folder+"/", dir+"/")
	path := filepath.Join(dir, "tghook.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	loaded, err := config.Load(path)
	require.NoError(t, err)
	return loaded
}

func TestTheConfigurationsOfComposeAreRight(t *testing.T) {
	sqlite := load(t, read(t, "compose/config/tghook.yaml"), "/run/secrets")
	assert.Equal(t, "/var/lib/tghook", sqlite.Storage.Path)
	postgres := load(t, read(t, "compose/config/postgres.yaml"), "/run/secrets")
	assert.Equal(t, secrets["database-url"], postgres.Storage.Postgres)
	for _, c := range []*config.Config{sqlite, postgres} {
		assert.Equal(t, "0.0.0.0:8080", c.Listen)
		assert.Equal(t, "0.0.0.0:9090", c.Status.Listen)
		require.Len(t, c.Bots, 1)
		assert.Equal(t, config.Poll, c.Bots[0].Receive)
		assert.Equal(t, secrets["shop-secret"], c.Bots[0].To.Secret)
	}
	// As the comment in the files says, two lines make it receive webhooks.
	webhook := strings.NewReplacer("# url: ", "url: ", "    receive: poll\n", "").Replace(read(t, "compose/config/tghook.yaml"))
	assert.Equal(t, config.Webhook, load(t, webhook, "/run/secrets").Bots[0].Receive)
}

func TestTheConfigurationsOfKubernetesAreRight(t *testing.T) {
	for name, check := range map[string]func(config.Storage){
		"postgres.yaml": func(s config.Storage) { assert.Equal(t, secrets["database-url"], s.Postgres) },
		"sqlite.yaml": func(s config.Storage) {
			assert.Equal(t, "/var/lib/tghook", s.Path)
			assert.EqualValues(t, 4<<30, s.MaxSize)
		},
	} {
		documents := yaml.NewDecoder(strings.NewReader(read(t, "kubernetes/"+name)))
		found := 0
		for {
			var document struct {
				Kind string
				Data map[string]string
			}
			err := documents.Decode(&document)
			if err == io.EOF { //nolint:errorlint // the package says that it is this
				break
			}
			require.NoError(t, err)
			if document.Kind == "ConfigMap" {
				found++
				c := load(t, document.Data["tghook.yaml"], "/run/secrets/tghook")
				check(c.Storage)
				require.Len(t, c.Bots, 1)
				assert.Equal(t, config.Webhook, c.Bots[0].Receive)
				assert.True(t, c.Log.JSON)
			}
		}
		assert.Equal(t, 1, found, name)
	}
}

// The unit's comment shows how the configuration names a credential.
func TestTheConfigurationInTheUnitIsRight(t *testing.T) {
	unit := read(t, "tghook.service")
	_, text, found := strings.Cut(unit, "names that copy:\n#\n")
	require.True(t, found)
	var shown bytes.Buffer
	for line := range strings.Lines(text) {
		line, isShown := strings.CutPrefix(line, "#   ")
		if !isShown {
			break
		}
		shown.WriteString(line)
	}
	shown.WriteString("    to: http://127.0.0.1:9000/\n")
	c := load(t, shown.String(), "/run/credentials/tghook.service")
	assert.Equal(t, "/var/lib/tghook", c.Storage.Path)
	for _, name := range []string{"shop-token", "shop-secret"} {
		assert.Contains(t, unit, "\nLoadCredential="+name+":/etc/tghook/"+name+"\n")
	}
	assert.Contains(t, unit, "install -m 0600 shop-token shop-secret /etc/tghook/\n")
	assert.Contains(t, unit, "\nStateDirectory=tghook\n")
}
