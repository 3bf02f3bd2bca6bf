package report

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Mutation: dropping overflow-x from .scroll and pre in the style sheet makes
// TestBrowser/360 fail; dropping the dark block makes its background check fail.

// browser starts a headless Chromium, or skips.
func browser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium in PATH")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Skipf("%s does not start: %v", path, err)
	}
	return ctx
}

// complaints collects what the page prints, throws, and loads.
type complaints struct {
	sync.Mutex
	list []string
}

func (c *complaints) listen(ctx context.Context) error {
	add := func(format string, args ...any) {
		c.Lock()
		defer c.Unlock()
		c.list = append(c.list, fmt.Sprintf(format, args...))
	}
	return chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventConsoleAPICalled:
			add("console: %v", e.Args)
		case *runtime.EventExceptionThrown:
			add("exception: %s", e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			add("log: %s", e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, "file://") && !strings.HasPrefix(u, "data:") {
				add("request: %s", u)
			}
		}
	})
}

// command makes an action of a protocol command.
func command[P any](c cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, c, params)
		return err
	})
}

// measures are what the page looks like with everything unfolded.
type measures struct {
	Scroll, Inner, Height float64
	Ground, Ink           string
	Plots                 int
	Wide                  []string // elements that stick out
}

const measure = `(() => {
	for (const d of document.querySelectorAll("details")) d.open = true;
	const style = getComputedStyle(document.body), root = document.documentElement;
	return {Scroll: root.scrollWidth, Inner: innerWidth, Height: root.scrollHeight, Ground: style.backgroundColor, Ink: style.color,
		Plots: document.querySelectorAll("svg.plot").length,
		Wide: [...document.querySelectorAll("main > section > *, h1, figure, article")].filter(e => e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.tagName)};
})()`

func TestBrowser(t *testing.T) {
	ctx := browser(t)
	d := sampleData()
	d.Title, d.Notes = "a run with a name that is rather long_and_has_parts_without_any_space_in_them", []string{hostile}
	file := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, WriteFile(file, d))
	grounds := map[string]string{}
	for _, width := range []int64{360, 768, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(fmt.Sprintf("%d/%s", width, scheme), func(t *testing.T) {
				tab, cancel := chromedp.NewContext(ctx)
				defer cancel()
				var c complaints
				require.NoError(t, c.listen(tab))
				media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
				require.NoError(t, chromedp.Do(tab,
					command(log.Enable, cdp.Empty{}), command(runtime.Enable, cdp.Empty{}), command(network.Enable, network.EnableParams{}),
					chromedp.EmulateViewport(width, 800), command(emulation.SetEmulatedMedia, media), chromedp.Navigate("file://"+file)))
				page, err := chromedp.Run(tab, chromedp.Evaluate[measures](measure))
				require.NoError(t, err)
				shot, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
				require.NoError(t, err)
				require.Empty(t, c.list)
				require.LessOrEqual(t, page.Scroll, page.Inner, "the page scrolls sideways")
				require.InDelta(t, float64(width), page.Inner, 0.5)
				require.Empty(t, page.Wide)
				require.Equal(t, len(d.Plots), page.Plots)
				require.Greater(t, page.Height, 800.0)
				require.NotEqual(t, page.Ground, page.Ink)
				grounds[scheme] = page.Ground
				if out := os.Getenv("REPORT_TEST_OUT"); out != "" {
					require.NoError(t, os.WriteFile(filepath.Join(out, fmt.Sprintf("report-%d-%s.png", width, scheme)), shot, 0o644))
				}
			})
		}
	}
	require.Equal(t, "rgb(255, 255, 255)", grounds["light"])
	require.NotEqual(t, grounds["light"], grounds["dark"])
}
