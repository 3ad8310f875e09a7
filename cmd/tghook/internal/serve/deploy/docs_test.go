package deploy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// page returns docs/serve.md.
func page(t *testing.T) string {
	t.Helper()
	return read(t, "../../docs/serve.md")
}

// blocks returns the blocks of a language that the page shows.
func blocks(t *testing.T, language string) (all []string) {
	t.Helper()
	for _, block := range strings.Split(page(t), "```"+language+"\n")[1:] {
		block, _, found := strings.Cut(block, "```")
		require.True(t, found)
		all = append(all, block)
	}
	return all
}

func TestThePageShowsTheBotThatIsTested(t *testing.T) {
	shown := blocks(t, "php")
	require.Len(t, shown, 1)
	assert.Equal(t, read(t, "bots/bot.php"), shown[0])
	// It is started as the tests start it.
	assert.Contains(t, page(t), "\nphp -d display_errors=0 -S 127.0.0.1:9000 -t public\n")
}

// walkthrough loads a configuration that the page shows. What is a part of a file becomes a whole.
func walkthrough(t *testing.T, shown string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for name, secret := range map[string]string{
		"token": secrets["shop-token"], "secret": secrets["shop-secret"],
		"shop-token": secrets["shop-token"], "shop-secret": secrets["shop-secret"],
		"support-token": "7244100914:AAGd8Ylw1yVvXgGxP3mZJp0Gk2sJ4aQy8bE", "page-password": "open sesame now",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(secret), 0o600))
	}
	t.Setenv("SHOP_TOKEN", secrets["shop-token"])
	if !strings.Contains(shown, "bots:") {
		shown += "bots: {shop: {token: {env: SHOP_TOKEN}, to: 'http://127.0.0.1/'}}\n"
	}
	path := filepath.Join(dir, "tghook.yaml")
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(shown, "/etc/tghook/", "")), 0o600))
	loaded, err := config.Load(path)
	require.NoError(t, err, shown)
	return loaded
}

func TestTheConfigurationsOfThePageAreRight(t *testing.T) {
	shown := blocks(t, "yaml")
	require.GreaterOrEqual(t, len(shown), 4)
	for _, text := range shown {
		walkthrough(t, text)
	}
	first := walkthrough(t, shown[0])
	assert.Equal(t, config.Poll, first.Bots[0].Receive, "the first one needs no domain")
	assert.Equal(t, "tghook-data", filepath.Base(first.Storage.Path))
}

// field is a field of the schema, as the tables of the page name it.
type field struct {
	properties map[string]field
	byDefault  any
}

func (f *field) UnmarshalJSON(text []byte) error {
	var is struct {
		Properties map[string]field `json:"properties"`
		AnyOf      []field          `json:"anyOf"`
		Default    any              `json:"default"`
	}
	if err := json.Unmarshal(text, &is); err != nil {
		return err
	}
	*f = field{is.Properties, is.Default}
	for _, one := range is.AnyOf {
		if f.properties == nil {
			f.properties = one.properties
		}
	}
	return nil
}

// names returns the names of all fields below f, with their defaults.
func (f *field) names(prefix string, into map[string]any) {
	for name, below := range f.properties {
		if len(below.properties) == 0 || name == "history" {
			into[prefix+name] = below.byDefault
		}
		below.names(prefix+name+".", into)
	}
}

var row = regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (.*?) ?\\| ")

// Each field of the schema has a row in one of the three tables, and no row has another field. A
// default of the schema stands in its row.
func TestThePageListsEachField(t *testing.T) {
	var file field
	require.NoError(t, json.Unmarshal(config.Schema(), &file))
	var parts struct {
		Defs map[string]field `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(config.Schema(), &parts))
	_, text, found := strings.Cut(page(t), "\n## Configuration\n")
	require.True(t, found)
	text, _, found = strings.Cut(text, "\n## ")
	require.True(t, found)
	tables := strings.Split(text, "| field | default | |\n")[1:]
	require.Len(t, tables, 3)
	for i, of := range []field{file, parts.Defs["bot"], parts.Defs["to"]} {
		want := map[string]any{}
		of.names("", want)
		require.NotEmpty(t, want)
		shown := map[string]string{}
		for _, found := range row.FindAllStringSubmatch(tables[i], -1) {
			shown[found[1]] = found[2]
		}
		assert.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(shown)), "table %d", i)
		for name, byDefault := range want {
			if byDefault != nil {
				assert.True(t, strings.HasPrefix(shown[name], fmt.Sprintf("`%v`", byDefault)), "%s: the page says %s, the schema %v", name, shown[name], byDefault)
			}
		}
	}
}

// Each file that the page links to exists.
func TestThePageLinksToWhatExists(t *testing.T) {
	links := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(page(t), -1)
	require.NotEmpty(t, links)
	for _, link := range links {
		_, err := os.Stat(filepath.Join(packaging, "../../docs", link[1]))
		require.NoError(t, err)
	}
}
