"""A real browser, if this machine has one, and axe-core to run in it."""

from __future__ import annotations

import shutil
from pathlib import Path

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")
_AXE = Path(__file__).parents[1] / "archiver" / "console" / "vendor" / "axe.min.js"
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE_RUN = f"""async () => {{
{_AXE.read_text()};
const found = await axe.run(document, {{resultTypes: ['violations'], runOnly: {{type: 'tag', values: {_TAGS}}}}});
return found.violations.map((one) => one.id + ': ' + one.nodes[0].html);
}}"""
"""Names what axe-core finds wrong; the browser's debugger runs it, past the page's policy."""
