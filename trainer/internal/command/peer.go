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
	"strings"
)

// peer is a program that times its own updates when it is asked to.
type peer struct {
	program string
	command *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Reader
	seconds map[string][]float64
}

// startPeer starts the program and waits until it is ready.
func startPeer(ctx context.Context, program string, arguments ...string) (*peer, error) {
	args := append([]string{program}, arguments...)
	if strings.HasSuffix(program, ".py") {
		python := os.Getenv("PEER_PYTHON")
		if python == "" {
			python = "python3"
		}
		args = append([]string{python}, args...)
	}
	p := &peer{program: program, command: exec.CommandContext(ctx, args[0], args[1:]...), seconds: map[string][]float64{}}
	p.command.Stderr = os.Stderr
	var err error
	if p.ask, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answers = bufio.NewReader(out)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("peer %s: %w", program, err)
	}
	if line, err := p.answers.ReadString('\n'); strings.TrimSpace(line) != "ready" {
		return nil, errors.Join(fmt.Errorf("peer %s does not say that it is ready: %q", program, line), err, p.stop())
	}
	return p, nil
}

// update asks for one round.
func (p *peer) update(int) error {
	if _, err := io.WriteString(p.ask, "\n"); err != nil {
		return err
	}
	line, err := p.answers.ReadString('\n')
	if err != nil {
		return fmt.Errorf("it ended: %w", err)
	}
	var seconds map[string]float64
	if err := json.Unmarshal([]byte(line), &seconds); err != nil {
		return fmt.Errorf("it answers %q: %w", line, err)
	}
	for name, s := range seconds {
		p.seconds[name] = append(p.seconds[name], s)
	}
	return nil
}

// times are the seconds of a name, one for each round.
func (p *peer) times(name string, rounds int) ([]float64, error) {
	if len(p.seconds[name]) != rounds {
		return nil, fmt.Errorf("peer %s has %d times of %q, want %d", p.program, len(p.seconds[name]), name, rounds)
	}
	return p.seconds[name], nil
}

// stop ends the program.
func (p *peer) stop() error {
	p.ask.Close()
	return p.command.Wait()
}
