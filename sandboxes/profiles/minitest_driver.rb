# Runs minitest's files and writes what became of each test, a line per test, so that a killed run leaves
# what it had. Usage: ruby minitest_driver.rb REPORT FILE...
require "json"

report = File.open(ARGV.shift, "w")
report.sync = true
files = ARGV.dup
ARGV.clear
root = Dir.pwd

require "minitest"

# One of minitest's own reporters, which it asks for under this name.
module Minitest
  def self.plugin_lines_init(options)
    reporter << LINES
  end
end

class Lines < Minitest::AbstractReporter
  def initialize(report, root)
    super()
    @report = report
    @root = root
  end

  def record(result)
    path = result.respond_to?(:source_location) ? result.source_location.first.to_s : ""
    path = path.delete_prefix("#{@root}/")
    name = [result.respond_to?(:klass) ? result.klass : result.class.name, result.name].join("#")
    outcome = result.skipped? ? "skipped" : result.passed? ? "passed" : result.error? ? "error" : "failed"
    @report.puts JSON.generate({ id: "#{path}::#{name}", outcome: outcome })
  end

  def report
    @report.puts JSON.generate({ finished: true })
  end
end

LINES = Lines.new(report, root)
Minitest.extensions << "lines"
require "minitest/autorun"
files.each { |file| require File.expand_path(file) }
