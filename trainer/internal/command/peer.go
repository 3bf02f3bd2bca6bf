package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// peer is a program that measures itself when it is asked to.
type peer struct {
	program string
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	answers map[string][]float64 // by name and round
}

// startPeer starts the program and waits until it is ready. A script ending in .py is
// run by the Python that PEER_PYTHON names, one ending in .mjs by node.
func startPeer(ctx context.Context, file string, args ...string) (*peer, error) {
	args = append([]string{file}, args...)
	switch filepath.Ext(file) {
	case ".py":
		python := os.Getenv("PEER_PYTHON")
		if python == "" {
			python = "python3"
		}
		args = append([]string{python}, args...)
	case ".mjs":
		args = append([]string{"node"}, args...)
	}
	p := &peer{program: file, command: exec.CommandContext(ctx, args[0], args[1:]...), answers: map[string][]float64{}}
	p.command.Stderr = os.Stderr
	var err error
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("peer %s: %w", file, err)
	}
	if line, err := p.out.ReadString('\n'); strings.TrimSpace(line) != "ready" {
		return nil, errors.Join(fmt.Errorf("peer %s does not say that it is ready: %q", file, line), err, p.stop())
	}
	return p, nil
}

// ask asks for one round.
func (p *peer) ask() error {
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		return err
	}
	line, err := p.out.ReadString('\n')
	if err != nil {
		return fmt.Errorf("it ended: %w", err)
	}
	var answer map[string]float64
	if err := json.Unmarshal([]byte(line), &answer); err != nil {
		return fmt.Errorf("it answers %q: %w", line, err)
	}
	for name, v := range answer {
		p.answers[name] = append(p.answers[name], v)
	}
	return nil
}

// rounds are the answers by a name, one for each round.
func (p *peer) rounds(name string, n int) ([]float64, error) {
	if len(p.answers[name]) != n {
		return nil, fmt.Errorf("peer %s has %d answers of %q, want %d", p.program, len(p.answers[name]), name, n)
	}
	return p.answers[name], nil
}

// stop ends the program.
func (p *peer) stop() error {
	p.in.Close()
	return p.command.Wait()
}
