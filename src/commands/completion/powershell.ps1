# PowerShell completion for kubectl-delivery: add it to the file that $PROFILE names.
Register-ArgumentCompleter -Native -CommandName 'kubectl-delivery' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $typed = @($commandAst.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
    $words = @($typed | Select-Object -Skip 1)
    if ($wordToComplete -eq '') {
        # Before 7.3 an empty word reaches no program unless it is quoted.
        if ($PSVersionTable.PSVersion -lt [version]'7.3.0') { $words += '""' } else { $words += '' }
    }
    & $typed[0] '__complete' @words 2>$null | Where-Object { $_ -notmatch '^:\d+$' } | ForEach-Object {
        $value, $help = $_ -split "`t", 2
        if (-not $help) { $help = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
    }
}
