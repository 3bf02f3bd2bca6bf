package asuser

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nanochat-go/nanochat/evalrust/rustc"
	"github.com/nanochat-go/nanochat/evalrust/sandbox"
)

const (
	dirEnv     = "EVALRUST_TEST_DIR"     // says that the process is to give up its rights
	sysrootEnv = "EVALRUST_TEST_SYSROOT" // the toolchain to show in the directory
	nobody     = 65534
)

// Missing says whether an error is about what this machine lacks: no compiler,
// or nothing that contains a program.
func Missing(err error) bool {
	var compiler *rustc.NotFoundError
	var box *sandbox.UnavailableError
	return errors.As(err, &compiler) || errors.As(err, &box)
}

// Init belongs into TestMain, behind sandbox.Init.
func Init() {
	dir := os.Getenv(dirEnv)
	if dir == "" {
		return
	}
	os.Unsetenv(dirEnv)
	if err := enter(dir, os.Getenv(sysrootEnv)); err != nil {
		os.Stderr.WriteString("asuser: " + err.Error() + "\n")
		os.Exit(1)
	}
}

// enter shows the toolchain below dir, in a mount namespace of this process,
// and starts the copy of the program there as nobody.
func enter(dir, sysroot string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := syscall.Mount(sysroot, dir+"/toolchain", "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setresgid(nobody, nobody, nobody), syscall.Setresuid(nobody, nobody, nobody)); err != nil {
		return err
	}
	if err := os.Chdir(dir); err != nil {
		return err
	}
	env := []string{"PATH=" + dir + "/toolchain/bin:/usr/bin:/bin", "TMPDIR=" + dir, "HOME=" + dir, "HUMANEVAL_RS=" + os.Getenv("HUMANEVAL_RS")}
	return syscall.Exec(dir+"/test", os.Args, env)
}

// Run runs the tests that match as nobody, with the toolchain of the caller. It
// does nothing but skip when the tests have no rights to give up.
func Run(t *testing.T, match string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not root: all tests run without rights already")
	}
	c, err := rustc.New(rustc.Options{})
	if Missing(err) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "evalrust-user-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(os.Chmod(dir, 0o777), os.Mkdir(filepath.Join(dir, "toolchain"), 0o755), copySelf(filepath.Join(dir, "test"))); err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.run", match, "-test.v"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), dirEnv+"="+dir, sysrootEnv+"="+c.Sysroot())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("no mount namespace: ", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "--- ") && !strings.Contains(line, "PASS") || strings.Contains(line, "contained by") || strings.Contains(line, "sandbox: ") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

func copySelf(to string) error {
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), os.Chmod(to, 0o755))
}
