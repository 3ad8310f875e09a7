package main

import (
	"debug/elf"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// goreleaser is what the tests read of .goreleaser.yaml.
type goreleaser struct {
	Version int
	Builds  []struct {
		Dir, Binary       string
		Env, Goos, Goarch []string
		Flags, Ldflags    []string
	}
	Dockers []struct {
		Dockerfile string
		Platforms  []string
	} `yaml:"dockers_v2"`
	Checksum struct{ Algorithm string }
	Signs    []struct{ Artifacts, Cmd string }
	SBOMs    []struct{ Artifacts string }
	Casks    []struct{ Name string } `yaml:"homebrew_casks"`
	Archives []struct{ Files []string }
}

func readGoreleaser(t *testing.T, tree *tree) goreleaser {
	t.Helper()
	text, err := tree.read(".goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var config goreleaser
	if err := yaml.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	return config
}

func TestGoreleaserMakesAllThatRELEASINGPromises(t *testing.T) {
	t.Parallel()
	tree, err := readTree(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	config := readGoreleaser(t, tree)
	if config.Version != 2 || len(config.Builds) != 1 || len(config.Dockers) != 1 {
		t.Fatalf("want version 2, one build and one image; got %+v", config)
	}
	build := config.Builds[0]
	if build.Dir != "cmd/tghook" || !slices.Equal(build.Env, []string{"CGO_ENABLED=0"}) ||
		!slices.Equal(build.Goos, []string{"linux", "darwin", "windows"}) || !slices.Equal(build.Goarch, []string{"amd64", "arm64"}) {
		t.Errorf("the build: %+v", build)
	}
	variable := regexp.MustCompile(`-X (\S+)\.released=`).FindStringSubmatch(strings.Join(build.Ldflags, " "))
	if variable == nil {
		t.Fatal("no -X in ldflags sets the version")
	}
	source, err := tree.read(strings.TrimPrefix(variable[1], root+"/") + "/version.go")
	if err != nil || !strings.Contains(string(source), "\nvar released string\n") {
		t.Errorf("%s.released is no variable: %v", variable[1], err)
	}
	if config.Checksum.Algorithm != "sha256" || len(config.Signs) != 1 || config.Signs[0].Artifacts != "checksum" || config.Signs[0].Cmd != "cosign" ||
		len(config.SBOMs) != 1 || len(config.Casks) != 1 {
		t.Errorf("checksums, signature, SBOM or cask are missing: %+v", config)
	}
	for _, name := range config.Archives[0].Files {
		if !slices.Contains(tree.files, name) {
			t.Errorf("the archives want %s, which does not exist", name)
		}
	}
}

// The image is made of a binary that goreleaser puts in a folder for each platform.
func TestDockerfile(t *testing.T) {
	t.Parallel()
	tree, err := readTree(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	config := readGoreleaser(t, tree)
	text, err := tree.read(config.Dockers[0].Dockerfile)
	if err != nil {
		t.Fatal(err)
	}
	var last []string // the lines of the last stage
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "FROM "):
			last = append(last[:0], line)
		default:
			last = append(last, line)
		}
	}
	want := []string{
		"FROM scratch",
		"ARG TARGETPLATFORM",
		"COPY --from=roots /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt",
		"COPY --from=roots --chown=65532:65532 /updates /var/lib/tghook", // an empty volume there gets this owner
		"COPY ${TARGETPLATFORM}/" + config.Builds[0].Binary + " /tghook",
		"USER 65532:65532",
		"EXPOSE 8081",
		`ENTRYPOINT ["/tghook"]`,
		`CMD ["dev", "--listen", "0.0.0.0:8081", "--host", "tghook"]`,
	}
	if !slices.Equal(last, want) {
		t.Errorf("%s has\n%s\nwant\n%s", config.Dockers[0].Dockerfile, strings.Join(last, "\n"), strings.Join(want, "\n"))
	}
	for _, platform := range config.Dockers[0].Platforms {
		system, arch, _ := strings.Cut(platform, "/")
		if !slices.Contains(config.Builds[0].Goos, system) || !slices.Contains(config.Builds[0].Goarch, arch) {
			t.Errorf("the image wants %s, which is not built", platform)
		}
	}
}

// An image without a C library needs a program that links none.
func TestTheBinaryIsStatic(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the binary is no ELF file here")
	}
	name := filepath.Join(t.TempDir(), "tghook")
	buildStatic(t, name)
	file, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary has %v: it is linked dynamically", p.Type)
		}
	}
	if got := runIn(t, ".", name, "version"); !strings.HasPrefix(got, "tghook 9.8.7 (") {
		t.Errorf("tghook version: %s", got)
	}
}
