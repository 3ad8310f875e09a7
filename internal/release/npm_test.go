package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// npmFolders makes the packages for npm of binaries for all platforms. That for this
// machine is the program, built as goreleaser builds it; the others are text.
func npmFolders(t *testing.T) (folder string, here platform) {
	t.Helper()
	tree, err := readTree(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	dist := t.TempDir()
	artifacts := make([]artifact, 0, 8)
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, arch := range []string{"amd64", "arm64"} {
			name := filepath.Join(dist, system+arch)
			if system == runtime.GOOS && arch == runtime.GOARCH {
				here, _ = platformOf(artifact{Goos: system, Goarch: arch})
				buildStatic(t, name)
			} else if err := os.WriteFile(name, []byte("a program for "+system), 0o600); err != nil {
				t.Fatal(err)
			}
			relative, err := filepath.Rel(mustAbs(t, "../.."), name)
			if err != nil {
				t.Fatal(err)
			}
			artifacts = append(artifacts, artifact{Path: filepath.ToSlash(relative), Goos: system, Goarch: arch, Type: "Binary"})
		}
	}
	artifacts = append(artifacts, artifact{Path: "checksums.txt", Type: "Checksum"}, artifact{Path: "x.tar.gz", Goos: "linux", Goarch: "amd64", Type: "Archive"})
	text, err := json.Marshal(artifacts)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dist, "artifacts.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(dist, "npm")
	if err := tree.npm(dist, folder); err != nil {
		t.Fatal(err)
	}
	return folder, here
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// buildStatic builds the command as .goreleaser.yaml says.
func buildStatic(t *testing.T, out string) {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w -X "+root+"/cmd/tghook/internal/cli.released=9.8.7", "-o", out, ".")
	build.Dir = "../../cmd/tghook"
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
}

func runIn(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestNPMPackages(t *testing.T) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is missing; make programs installs it", program)
			}
			t.Skipf("%s is not installed", program)
		}
	}
	folder, here := npmFolders(t)
	project := t.TempDir()
	packages, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) != 7 {
		t.Errorf("%d packages; want one for each of six platforms, and tghook", len(packages))
	}
	var tarballs []string
	for _, p := range packages {
		text, err := os.ReadFile(filepath.Join(folder, p.Name(), "package.json"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `"scripts"`) {
			t.Errorf("%s has a script:\n%s", p.Name(), text)
		}
		if p.Name() != "tghook" && p.Name() != here.os+"-"+here.cpu {
			continue
		}
		packed := strings.TrimSpace(runIn(t, project, "npm", "pack", "--silent", filepath.Join(folder, p.Name())))
		tarballs = append(tarballs, "./"+packed)
	}
	// The other platforms' packages are nowhere to be had: npm leaves them out, as it does
	// on a machine that they do not fit.
	runIn(t, project, "npm", append([]string{"install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund"}, tarballs...)...)
	if got := runIn(t, project, "npx", "--no-install", "tghook", "version"); !strings.HasPrefix(got, "tghook 9.8.7 (") {
		t.Errorf("npx tghook version: %s", got)
	}
	if got := runIn(t, project, "npx", "--no-install", "tghook", "dev", "--help"); !strings.Contains(got, "tghook dev -- npm start") {
		t.Errorf("npx tghook dev --help: %s", got)
	}
	checkNPMProgram(t, project, here)
}

// checkNPMProgram checks that the script in the package is like the program: its exit
// status, and signals.
func checkNPMProgram(t *testing.T, project string, here platform) {
	t.Helper()
	script := filepath.Join(project, "node_modules", ".bin", "tghook")
	wrong := exec.CommandContext(t.Context(), script, "no-such-command")
	if err := wrong.Run(); wrong.ProcessState.ExitCode() != 2 {
		t.Errorf("tghook no-such-command: %v; want exit status 2", err)
	}
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		dev := exec.CommandContext(t.Context(), script, "dev", "--listen", "127.0.0.1:0", "--json")
		out, err := dev.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := dev.Start(); err != nil {
			t.Fatal(err)
		}
		var addresses struct {
			BotAPI string `json:"bot_api"`
		}
		if err := json.NewDecoder(out).Decode(&addresses); err != nil || addresses.BotAPI == "" {
			t.Fatalf("tghook dev --json: %+v, %v", addresses, err)
		}
		if err := dev.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := dev.Wait(); err != nil {
			t.Errorf("tghook dev after %v: %v; want status 0", sig, err)
		}
	}
	if err := os.RemoveAll(filepath.Join(project, "node_modules", filepath.FromSlash(here.name()))); err != nil {
		t.Fatal(err)
	}
	without := exec.CommandContext(t.Context(), script, "version")
	text, _ := without.CombinedOutput()
	if without.ProcessState.ExitCode() != 3 || !strings.Contains(string(text), "the package "+here.name()+" is not installed") {
		t.Errorf("without the platform's package: status %d\n%s", without.ProcessState.ExitCode(), text)
	}
}

// A program that a signal has ended ends the script by the same signal.
func TestNPMScriptEndsAsTheProgramDoes(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed") // TestNPMPackages fails then in CI
	}
	dir := t.TempDir()
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	program := filepath.Join(dir, "node_modules", "@tghook", runtime.GOOS+"-"+arch, "bin", "tghook")
	if err := os.MkdirAll(filepath.Dir(program), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\nkill -KILL $$\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../" + npmSource + "/bin/tghook.js")
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "tghook.js")
	if err := os.WriteFile(script, text, 0o600); err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", script)
	node.WaitDelay = 10 * time.Second
	_ = node.Run()
	if status, ok := node.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("ended by %v; want SIGKILL", node.ProcessState)
	}
}

func TestNPMNeedsBinaries(t *testing.T) {
	tree, err := readTree(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	dist := t.TempDir()
	if err := tree.npm(dist, filepath.Join(dist, "npm")); err == nil || !strings.Contains(err.Error(), "goreleaser's list") {
		t.Errorf("without artifacts.json: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dist, "artifacts.json"), []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tree.npm(dist, filepath.Join(dist, "npm")); err == nil || !strings.Contains(err.Error(), "no binary") {
		t.Errorf("without binaries: %v", err)
	}
}
